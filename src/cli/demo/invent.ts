import type { Random } from "./random.ts";

const FAMILIES = [
  "Ahlström",
  "Berger",
  "Costa",
  "Dubois",
  "Eriksen",
  "Fischer",
  "García",
  "Hoffmann",
  "Ivanova",
  "Jansen",
];
const MORE_FAMILIES = [
  "Kowalski",
  "Lindqvist",
  "Moreau",
  "Novák",
  "O'Brien",
  "Petrov",
  "Rossi",
  "Schmidt",
  "Tanaka",
  "Weber",
];
const GIVEN = ["Anna", "Ben", "Chiara", "David", "Elena", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Klara", "Luca"];
const TRADES = ["Bau", "Haustechnik", "Immobilien", "Logistik", "Gastronomie", "Kliniken", "Schulen", "Werke"];
const FORMS = ["GmbH", "AG", "& Söhne", "Ltd", "SARL", "BV"];
const INDUSTRIES = [
  "Construction",
  "Hospitality",
  "Healthcare",
  "Logistics",
  "Real estate",
  "Education",
  "Manufacturing",
];
const PLACES = [
  { city: "Hamburg", postalCode: "20095", country: "DE" },
  { city: "Wien", postalCode: "1010", country: "AT" },
  { city: "Zürich", postalCode: "8001", country: "CH" },
  { city: "Lyon", postalCode: "69001", country: "FR" },
  { city: "Utrecht", postalCode: "3511", country: "NL" },
];
const STREETS = ["Hafenstraße", "Am Markt", "Lindenallee", "Rue des Tilleuls", "Stationsplein"];
const WORK = ["Repair", "Inspect", "Replace", "Install", "Clean", "Measure", "Service"];
const THINGS = [
  "the roof",
  "heat pump",
  "boiler",
  "solar panels",
  "elevator",
  "fire doors",
  "cooling unit",
  "gutters",
  "lighting",
];
const TAGS = ["urgent", "warranty", "maintenance", "inspection", "quote", "night shift"];
const CURRENCIES = ["EUR", "EUR", "EUR", "CHF"];
const DAY_MS = 86_400_000;

/** A new account, as `POST /api/crm/accounts` takes it. */
export function inventAccount(random: Random) {
  const { city, postalCode, country } = random.pick(PLACES);
  const name = `${family(random)} ${random.pick(TRADES)} ${random.pick(FORMS)}`;
  return {
    name,
    industry: random.pick(INDUSTRIES),
    phone: phone(random),
    website: `https://${plain(name.split(" ")[0] ?? "")}.example`,
    address: { street: `${random.pick(STREETS)} ${random.whole(1, 120)}`, city, postalCode, country },
  };
}

/** A new contact of an account. */
export function inventContact(random: Random, accountId: string) {
  const [given, last] = [random.pick(GIVEN), family(random)];
  return {
    name: `${given} ${last}`,
    email: `${plain(given)}.${plain(last)}@example.com`,
    phone: phone(random),
    accountId,
  };
}

/** A new job for an account. */
export function inventJob(random: Random, accountId: string, contactId: string | undefined, now: number) {
  return {
    title: `${random.pick(WORK)} ${random.pick(THINGS)}`,
    description: random.chance(0.5)
      ? `Access by the ${random.pick(["yard", "lobby", "back door"])}, ask for the key.`
      : null,
    accountId,
    ...(contactId === undefined ? {} : { contactId }),
    ...(random.chance(0.7) ? { amount: amount(random) } : {}),
    ...(random.chance(0.4) ? { scheduledAt: day(random, now) } : {}),
    tags: TAGS.filter(() => random.chance(0.2)),
    attributes: { source: random.pick(["web", "phone", "partner"]) },
  };
}

/** A change of a job that leaves its status. */
export function inventJobChange(random: Random, now: number): Record<string, unknown> {
  return random.pick([
    () => ({ amount: amount(random) }),
    () => ({ scheduledAt: day(random, now) }),
    () => ({ description: `Called back: ${random.pick(["no answer", "agreed", "wants another date"])}.` }),
    () => ({ attributes: { priority: random.pick(["low", "normal", "high"]) } }),
  ])();
}

export function phone(random: Random): string {
  return `+49 40 ${random.whole(1_000_000, 9_999_999)}`;
}

function amount(random: Random) {
  return { value: `${random.whole(80, 24_000)}.${random.pick(["00", "50", "90"])}`, currency: random.pick(CURRENCIES) };
}

function day(random: Random, now: number): string {
  return new Date(now + random.whole(1, 30) * DAY_MS).toISOString();
}

function family(random: Random): string {
  return random.pick([...FAMILIES, ...MORE_FAMILIES]);
}

/** For addresses: "O'Brien" as "obrien", "Söhne" as "sohne". */
function plain(text: string): string {
  return text
    .normalize("NFD")
    .replaceAll(/[^A-Za-z]/g, "")
    .toLowerCase();
}
