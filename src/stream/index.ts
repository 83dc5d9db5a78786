export { Hub, type HubSnapshot } from "./hub.ts";
export { streamRoutes } from "./routes.ts";
