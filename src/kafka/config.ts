import type {
  ConsumerGlobalConfig,
  ConsumerTopicConfig,
  ProducerGlobalConfig,
  ProducerTopicConfig,
} from "@confluentinc/kafka-javascript/types/config";
import { type Bindings, type Ptr, text } from "./bindings.ts";
import { Code, ConfigError } from "./errors.ts";

type Known = keyof (ProducerGlobalConfig & ProducerTopicConfig & ConsumerGlobalConfig & ConsumerTopicConfig);

/** librdkafka's properties by their own names: CONFIGURATION.md of librdkafka 2.15.1, through the types of Confluent's package. */
export type Properties = { [name in Known]?: string | number | boolean };

const SECRET = /password|secret|key\.pem|private\.key|keystore|oauthbearer\.(config|assertion)/;

/** Takes every secret value of `properties` out of a text, for logs and errors. */
export function redactor(properties: Properties): (text: string) => string {
  const entries = Object.entries(properties).filter(([name, value]) => SECRET.test(name) && value !== "");
  return (text) => entries.reduce((redacted, [, secret]) => redacted.replaceAll(String(secret), "[redacted]"), text);
}

/** Makes a rd_kafka_conf_t, which is the caller's. Throws ConfigError, naming the property and never a secret's value. */
export function newConf(K: Bindings, properties: Properties): Ptr | null {
  const conf = K.rd_kafka_conf_new();
  const why = Buffer.alloc(512);
  for (const [name, value] of Object.entries(properties)) {
    if (K.rd_kafka_conf_set(conf, name, String(value), why, why.length) === Code.NONE) continue;
    K.rd_kafka_conf_destroy(conf);
    const reason = SECRET.test(name) ? "its value was refused" : text(why);
    throw new ConfigError(Code.INVALID_ARG, "ERR__INVALID_ARG", `librdkafka property "${name}": ${reason}`);
  }
  return conf;
}
