import { Admin } from "./admin.ts";
import { Consumer } from "./consumer.ts";
import type { ClientOptions } from "./handle.ts";
import { Producer } from "./producer.ts";

/** KafkaJS's way in: settings given once, from which clients are opened. Does nothing by itself. */
export class Kafka {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Opens a producer; what is given here goes before what was given to Kafka. Throws ConfigError. */
  producer(options: Partial<ClientOptions> = {}): Producer {
    return new Producer({ ...this.#options, ...options });
  }

  /** Opens a consumer whose commits are kept under `group.id`. Throws ConfigError. */
  consumer(options: Partial<ClientOptions> & { "group.id": string }): Consumer {
    return new Consumer({ ...this.#options, ...options });
  }

  /** Opens an admin client. Throws ConfigError. */
  admin(options: Partial<ClientOptions> = {}): Admin {
    return new Admin({ ...this.#options, ...options });
  }
}
