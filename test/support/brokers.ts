/** The brokers to test against, or undefined: then those tests are left out, but in CI that is a failure. */
export function testBrokers(): string | undefined {
  const brokers = process.env.KAFKA_TEST_BROKERS;
  if (!brokers && process.env.CI) throw new Error("KAFKA_TEST_BROKERS must name a broker in CI");
  return brokers || undefined;
}
