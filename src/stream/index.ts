export { Hub, type HubSnapshot } from "./hub.ts";
export { STREAM_PARAMETERS } from "./request.ts";
export { streamRoutes } from "./routes.ts";
export { EVERYTHING, type Viewer } from "./viewer.ts";
