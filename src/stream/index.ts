export { EVERYTHING, type Viewer } from "./client.ts";
export { Hub, type HubSnapshot } from "./hub.ts";
export { streamRoutes } from "./routes.ts";
