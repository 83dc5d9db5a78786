import type { Fault } from "../fault.ts";
import { clockBack } from "./clock-back.ts";
import { diskFull } from "./disk-full.ts";
import { freezeBroker } from "./freeze-broker.ts";
import { freezeLeader } from "./freeze-leader.ts";
import { killBroker } from "./kill-broker.ts";
import { killLeader } from "./kill-leader.ts";
import { oneKey } from "./one-key.ts";
import { poison } from "./poison.ts";
import { restartDatabase } from "./restart-database.ts";
import { rollingRestart } from "./rolling-restart.ts";

/** All faults, by number. */
export const FAULTS: readonly Fault[] = [
  killLeader,
  freezeLeader,
  killBroker,
  freezeBroker,
  restartDatabase,
  diskFull,
  poison,
  clockBack,
  oneKey,
  rollingRestart,
];
