export { compile as compileFilter, type Filter, type Matches } from "./filter.ts";
export type { Frame } from "./frame.ts";
export { Hub, type HubSnapshot } from "./hub.ts";
export { STREAM_PARAMETERS } from "./request.ts";
export { streamRoutes } from "./routes.ts";
export { traceFanOut } from "./traced.ts";
export { EVERYTHING, type Viewer } from "./viewer.ts";
