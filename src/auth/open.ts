import type { Ambient } from "../ambient.ts";
import type { Config } from "../config.ts";
import type { Logger } from "../metrics/logger.ts";
import { type Authentication, NO_LOGIN } from "./authenticate.ts";
import { IssuerKeys } from "./issuer-keys.ts";
import { Provider } from "./provider.ts";
import type { LoginDependencies } from "./routes.ts";
import { Sealer } from "./seal.ts";
import { Sessions } from "./session.ts";
import { TokenVerifier } from "./tokens.ts";

/** Identity as the configuration has it. */
export interface Auth extends Authentication {
  /** Undefined: browsers cannot sign in. */
  readonly login: Omit<LoginDependencies, "home"> | undefined;
}

/** Everyone is the development identity. */
export const OPEN: Auth = { ...NO_LOGIN, login: undefined };

/** Builds what checks callers. The issuer is asked for its keys at once, but nothing waits for it. */
export function openAuth(config: Config, logger: Logger, ambient: Ambient): Auth {
  const { OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience, OIDC_CLIENT_ID: clientId } = config;
  if (issuer === undefined || audience === undefined) return OPEN;
  const now = () => ambient.now();
  const claims = { tenants: config.OIDC_TENANT_CLAIM, roles: config.OIDC_ROLES_CLAIM };
  const keys = new IssuerKeys({ issuer, logger, now });
  void keys.warm();
  const tokens = new TokenVerifier({ issuer, audience, claims, keys, now });
  if (clientId === undefined) return { tokens, sessions: undefined, login: undefined };
  const provider = new Provider({
    issuer,
    clientId,
    clientSecret: config.OIDC_CLIENT_SECRET,
    scope: config.OIDC_SCOPE,
    resource: config.OIDC_RESOURCE,
    claims,
    tokens,
  });
  const sealer = new Sealer(config.SESSION_SECRET);
  const sessions = new Sessions({ provider, sealer, ambient, publicUrl: config.PUBLIC_URL });
  return { tokens, sessions, login: { provider, sessions } };
}
