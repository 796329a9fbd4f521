"""Three checks that know what schemas cannot say. What must be taken: what the schemas allow is refused only by a rule that no schema can tell."""

import re

import schemathesis
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

# Codes of problems, and why a schema cannot tell. Everything else that is allowed and refused is a gap in a schema.
BEYOND_SCHEMAS = {
    # Something else must exist, or be in a state.
    "unknown_cursor", "no_such_vendor", "no_such_affiliate", "no_such_product", "no_such_link", "no_such_invitation",
    "unknown_vendor", "invalid_token", "invalid_enrolment", "wrong_code", "product_inactive", "precondition_failed",
    "idempotency_key_reused", "email_taken",
    # Two fields must go together.
    "invalid_range", "repeated_field", "ambiguous", "unexpected", "duplicate", "whose_item", "name_the_items", "other_vendor",
    "too_many_links", "incomplete_price", "role_mismatch", "unexpected_field", "currency_needed",
    # It is compared with the clock.
    "in_the_past", "too_far_ahead", "notice_needed", "out_of_range",
    # Bytes of a picture or a document, judged by decoding them.
    "unsupported_kind", "empty_document",
    # To JSON Schema 3.0 is an integer; here an integer is written as one, so that no amount is ever rounded.
    "not_an_integer", "not_minor_units",
    # The first line of a file names its columns.
    "unknown_column",
    # A list of a standard, a checksum, a common password.
    "unknown_currency", "invalid_iban", "password_too_common",
    # An address of the web, judged by the rules of common/src/url_rules.rs and the hosts of its vendor.
    "address_not_public", "invalid_url", "host_not_allowed", "redirect_loop", "unknown_macro", "invalid_website", "invalid_host",
}  # fmt: skip


# Fields that are needed only beside others.
NEEDED_BESIDE = {
    ("missing", "currency"), ("missing", "refund"), ("missing", "chargeback"), ("missing", "reversal"),
    ("missing_field", "rate"), ("missing_field", "destination"), ("missing_field", "vendor_id"), ("missing_field", "affiliate_id"),
    ("missing_field", "product_id"), ("missing_field", "document_type"), ("missing_field", "response_message"), ("note_needed", "note"), ("too_few", "rows"),
    # What may be subscribed to depends on who asks.
    ("unknown_value", "topics"),
}  # fmt: skip


def is_beyond_schemas(response):
    try:
        problem = response.json()
    except ValueError:
        return False
    # The same, told by the reader of JSON.
    if re.search(r"floating point `-?\d+\.0`", problem.get("detail", "")):
        return True
    wrong = [(error["code"], error["field"]) for error in problem.get("errors", [])] or [(problem.get("code"), None)]
    return all(code in BEYOND_SCHEMAS or (code, field) in NEEDED_BESIDE for code, field in wrong)


@schemathesis.check
def what_is_allowed_is_taken(ctx, response, case):
    if response.status_code in (400, 412, 422) and is_beyond_schemas(response):
        return None
    return positive_data_acceptance(ctx, response, case)


# Each order of a batch is judged by itself, inside an answer of 200.
JUDGED_INSIDE = {"/v1/orders/batch"}


@schemathesis.check
def what_is_wrong_is_refused(ctx, response, case):
    if case.operation.path in JUDGED_INSIDE and response.status_code == 200:
        return None
    return negative_data_rejection(ctx, response, case)


# An installation of onebox lets everybody on the machine read these; elsewhere they are closed like the others.
OPEN_HERE = {"/v1/reports/links", "/v1/reports/summary", "/v1/reports/breakdown"}


@schemathesis.check
def what_is_closed_needs_credentials(ctx, response, case):
    return None if case.operation.path in OPEN_HERE else ignored_auth(ctx, response, case)
