//! What many routes take, as `/openapi.json` tells of it: each kind once, with the bounds that are held to where it is read.
//! `script/schemathesis` sends what is allowed here and what is not, and compares.

#![expect(dead_code, reason = "it only describes what is read piece by piece")]

use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// Which page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// Rows on the page.
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    #[param(pattern = r"^[A-Za-z0-9_]{1,64}$")]
    starting_after: Option<String>,
}

/// A request that may be sent again.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Repeatable {
    /// The same request again gets the same answer.
    #[param(
        rename = "Idempotency-Key",
        required = false,
        max_length = 255,
        pattern = r"^[!-~]([ -~]*[!-~])?$"
    )]
    idempotency_key: String,
}

/// A change that must not overwrite another.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Versioned {
    /// The version this is meant for, as `ETag` told it.
    #[param(rename = "If-Match", required = false)]
    if_match: String,
}

/// An instant, or a day, which is its first instant (UTC).
pub(crate) struct Moment;

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let text = |format| ObjectBuilder::new().schema_type(Type::String).format(Some(format));
        let moment = AnyOfBuilder::new()
            .item(text(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .item(text(SchemaFormat::KnownFormat(KnownFormat::Date)));
        moment.into()
    }
}

impl ToSchema for Moment {}

/// `true`, and nothing else: for a list that has no other rows yet.
pub(crate) struct OnlyTrue;

impl PartialSchema for OnlyTrue {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])).into()
    }
}

impl ToSchema for OnlyTrue {}

/// Anything that Postgres can look for.
#[derive(ToSchema)]
#[schema(pattern = r"^[^\u0000]*$")]
pub(crate) struct Sought(String);

/// What an affiliate adds to a link to tell clicks apart, as far as a preview shows it.
#[derive(ToSchema)]
#[schema(max_length = 200, pattern = r"^[^\u0000]*$")]
pub(crate) struct SubId(String);

/// The number of a vendor or an affiliate.
#[derive(ToSchema)]
#[schema(minimum = 1)]
pub(crate) struct Number(i64);

/// A currency of ISO 4217.
#[derive(ToSchema)]
#[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
pub(crate) struct CurrencyCode(String);

/// The code of a link.
#[derive(ToSchema)]
#[schema(pattern = "^[A-Za-z0-9_-]{4,32}$", example = "summer24")]
pub(crate) struct LinkCode(String);

/// What something or somebody is called: on one line, not blank.
#[derive(ToSchema)]
#[schema(
    max_length = 200,
    pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$"
)]
pub(crate) struct Called(String);

/// What one person writes to another, or to those who look at it later.
#[derive(ToSchema)]
#[schema(max_length = 2000, pattern = r"^[^\u0000]*$")]
pub(crate) struct Message(String);

/// What somebody says of themselves, on as many lines as they like.
#[derive(ToSchema)]
#[schema(max_length = 2000, pattern = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$")]
pub(crate) struct Paragraphs(String);

/// A telephone number: five to twenty digits, and what people put between them. Blank: none.
#[derive(ToSchema)]
#[schema(max_length = 40, pattern = r"^ *$|^[ +().-]*([0-9][ +().-]*){5,20}$", example = "+46 70 123 45 67")]
pub(crate) struct PhoneNumber(String);

/// A name on another platform, with or without the sign before it. Blank: none.
#[derive(ToSchema)]
#[schema(pattern = r"^ *$|^ *@?[A-Za-z0-9_.-]{1,100} *$", example = "mara.w")]
pub(crate) struct Handle(String);

/// Why something was decided: not blank.
#[derive(ToSchema)]
#[schema(max_length = 2000, pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$")]
pub(crate) struct Why(String);

/// A country, two letters of ISO 3166. Blank: none.
#[derive(ToSchema)]
#[schema(pattern = r"^ *$|^[A-Za-z]{2}$", example = "SE")]
pub(crate) struct CountryLetters(String);

/// What tells a bank's branches apart: a sort code, a routing number. Blank: none.
#[derive(ToSchema)]
#[schema(pattern = r"^[A-Za-z0-9 -]{0,20}$", example = "12-34-56")]
pub(crate) struct BranchCode(String);

/// An e-mail address.
#[derive(ToSchema)]
#[schema(max_length = 254, format = Email, example = "ada@example.com")]
pub(crate) struct EmailAddress(String);

/// Where a page is.
#[derive(ToSchema)]
#[schema(max_length = 2048, format = "uri", example = "https://shop.example.com/tent")]
pub(crate) struct WebAddress(String);

/// A commission in per cent, with four places at most.
#[derive(ToSchema)]
#[schema(pattern = r"^(0?[0-9]{1,2}(\.[0-9]{1,4})?|100(\.0{1,4})?) ?%$", example = "12.5%")]
pub(crate) struct PerCent(String);

/// A commission in millionths.
#[derive(ToSchema)]
#[schema(minimum = 0, maximum = 1_000_000, example = 125_000)]
pub(crate) struct Millionths(i64);

/// Declares a kind of text that is one of a few words, which the code that reads it knows.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $known:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::conventions::described::one_of($known)
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

pub(crate) use words;

/// One of a few words.
pub(crate) fn one_of<'a>(known: impl IntoIterator<Item = &'a str>) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(known)).into()
}
