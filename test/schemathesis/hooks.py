"""What no schema can say: a key is new for each request, a cursor is one that the server gave."""

import os
import re
import uuid

import schemathesis

# The tenant that the token is for; empty where everyone may act for all.
TENANT = os.environ.get("TENANT", "")
KEY = re.compile(r"^[\x21-\x7e]{1,255}\Z")
ETAG = re.compile(r'^(\*|"v[1-9][0-9]{0,8}")\Z')


@schemathesis.hook
def before_call(context, case, kwargs):
    headers = case.headers or {}
    # A key that was used for another request is a 422, as the IETF draft asks. Keys that are no keys stay as they are.
    if KEY.match(str(headers.get("Idempotency-Key", ""))):
        headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    # The coverage phase of 4.32 makes the header 0 and calls it valid, whatever the pattern.
    for name in ("If-Match", "If-None-Match"):
        if name in headers and not ETAG.match(str(headers[name])):
            del headers[name]
    # Another tenant than the token's is a 403, which test/auth tries.
    if TENANT and "X-Tenant-Id" in headers:
        headers["X-Tenant-Id"] = TENANT
    # Cursors are opaque: any text fits their schema, and none that is made up is one. test/bad-input.test.ts tries those.
    if case.query:
        case.query.pop("cursor", None)
    # An id that is made up refers to nothing, which is a 422. src/crm/*.test.ts and test/tenancy.test.ts try references.
    if isinstance(case.body, dict):
        for entity in [case.body, *case.body.get("jobs", [])]:
            for name in ("accountId", "contactId"):
                if name in entity:
                    entity[name] = None
            # A part of an amount is a change of the amount that is there, and no schema knows whether one is.
            amount = entity.get("amount")
            if isinstance(amount, dict) and not {"value", "currency"} <= amount.keys():
                del entity["amount"]
