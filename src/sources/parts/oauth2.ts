// The option `oauth2` of sources: access tokens by the client-credentials grant.

import { object, secret, string, url } from "../../core/options.ts";

export const oauth2Options = object(
  {
    tokenEndpoint: url("The URL of the token endpoint.", { required: true }),
    clientId: string("The id of the client.", { required: true }),
    clientSecret: secret("The secret of the client.", { required: true }),
    scope: string("The scope of the tokens. Default: none is requested."),
  },
  {
    description:
      "Access tokens by the client-credentials grant (RFC 6749, section 4.4), sent as Bearer tokens.",
  },
);
