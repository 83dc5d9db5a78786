import { Counter, Gauge, type Registry } from "prom-client";

/** Where a series stands: its registry, its name and what it says. */
export interface SeriesOptions {
  readonly registry: Registry;
  readonly name: string;
  readonly help: string;
}

/**
 * A counter that is kept elsewhere as a plain number and read when somebody asks: counting costs one addition, where
 * prom-client's `inc` costs 0.2 µs and an object.
 * @param read never less than the last time
 */
export function counterOf({ registry, name, help }: SeriesOptions, read: () => number): Counter {
  return new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

/** A gauge that is read when somebody asks; without a value where `read` has none. */
export function gaugeOf({ registry, name, help }: SeriesOptions, read: () => number | undefined): Gauge {
  return new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      const value = read();
      if (value === undefined) this.remove();
      else this.set(value);
    },
  });
}
