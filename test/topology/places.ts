import type { ComposeService } from "../support/compose.ts";

/**
 * Where things are here, in place of where they are between containers: host:port pairs, folders, files. Everything else of
 * compose.yaml stays as it is written.
 */
export class Places {
  readonly #known = new Map<string, string>();

  /** @param there as compose.yaml, or a file that it mounts, writes it */
  set(there: string, here: string): void {
    this.#known.set(there, here);
  }

  /** A text with every place in it replaced; the longest first, so that a folder does not stand in a file's way. */
  in(text: string): string {
    const places = [...this.#known].toSorted(([a], [b]) => b.length - a.length);
    return places.reduce((replaced, [there, here]) => replaced.replaceAll(there, here), text);
  }

  /** A service's environment. */
  environmentOf({ environment }: ComposeService): Record<string, string> {
    return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, this.in(value)]));
  }
}
