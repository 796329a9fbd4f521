//! What an affiliate tells about themselves, read strictly. Everything wrong is collected, so that one answer names it
//! all.

use serde::{Deserialize, Deserializer};
use url::Url;
use utoipa::ToSchema;

use crate::conventions::{Called, CountryLetters, EmailAddress, Handle, Paragraphs, PhoneNumber, WebAddress};
use crate::problem::{BadParameter, Failure};

/// Characters of a name, as in Postgres.
const MAX_NAME: usize = 200;
/// Characters of a phone number, as in Postgres.
const MAX_PHONE: usize = 40;
/// Characters of the short description, as in Postgres.
const MAX_BIO: usize = 2_000;
/// Bytes of an address, as in Postgres.
const MAX_WEBSITE: usize = 2_048;
/// Characters of a name on another platform, as in Postgres.
const MAX_HANDLE: usize = 100;
/// Characters of an e-mail address, as in Postgres.
const MAX_EMAIL: usize = 254;

/// Names on other platforms.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SocialMedia {
    #[serde(default)]
    #[schema(value_type = Option<Handle>)]
    pub(crate) instagram: Said,
    #[serde(default)]
    #[schema(value_type = Option<Handle>)]
    pub(crate) twitter: Said,
    #[serde(default)]
    #[schema(value_type = Option<Handle>)]
    pub(crate) facebook: Said,
}

/// A change of a profile: what is not there stays, `null` goes.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ProfileChange)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    #[schema(value_type = Option<Called>)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<PhoneNumber>)]
    pub(crate) phone: Said,
    #[serde(default)]
    #[schema(value_type = Option<CountryLetters>)]
    pub(crate) country: Said,
    #[serde(default)]
    #[schema(value_type = Option<Paragraphs>)]
    pub(crate) bio: Said,
    #[serde(default)]
    #[schema(value_type = Option<WebAddress>)]
    pub(crate) website: Said,
    pub(crate) social_media: Option<SocialMedia>,
}

/// An application as it is sent. There is no field here that the programme decides about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Application {
    /// 2 to 40 small letters, digits, `_`, `.` or `-`.
    #[schema(pattern = r"^[a-z0-9_.-]{2,40}$")]
    pub(crate) username: String,
    #[schema(value_type = EmailAddress)]
    pub(crate) email: String,
    /// Twelve characters or more; without one, a mail has a link that sets it.
    #[schema(format = Password, min_length = 12, max_length = 1024)]
    pub(crate) password: Option<String>,
    /// The token of an invitation.
    pub(crate) invitation: Option<String>,
    #[schema(value_type = Called)]
    pub(crate) name: String,
    #[schema(value_type = Option<PhoneNumber>)]
    pub(crate) phone: Option<String>,
    #[schema(value_type = Option<CountryLetters>)]
    pub(crate) country: Option<String>,
    #[schema(value_type = Option<Paragraphs>)]
    pub(crate) bio: Option<String>,
    #[schema(value_type = Option<WebAddress>)]
    pub(crate) website: Option<String>,
    pub(crate) social_media: Option<SocialMedia>,
}

/// A profile as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) phone: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) website: Option<String>,
    pub(crate) instagram: Option<String>,
    pub(crate) twitter: Option<String>,
    pub(crate) facebook: Option<String>,
}

/// Who applies, found good.
#[derive(Debug)]
pub(super) struct Applicant {
    pub(super) username: String,
    /// In lower case.
    pub(super) email: String,
    pub(super) profile: Profile,
}

/// What was said about one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Said {
    /// The field is not there.
    #[default]
    Nothing,
    /// `null`: there is no such thing (any more).
    Null,
    /// A text.
    Text(String),
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(|said| said.map_or(Self::Null, Self::Text))
    }
}

impl From<&Option<String>> for Said {
    fn from(said: &Option<String>) -> Self {
        said.clone().map_or(Self::Nothing, Self::Text)
    }
}

/// Why a text cannot be used: the code, and the words after the field's name.
type Flaw = (&'static str, &'static str);

/// A field's name, and where it is stored.
type Field<'a> = (&'static str, &'a mut Option<String>);

/// One field's rule: the text as it is stored.
type Rule = fn(&str) -> Result<String, Flaw>;

impl Application {
    /// Judges all of it.
    pub(super) fn judge(&self) -> Result<Applicant, Failure> {
        let mut flaws = Vec::new();
        let username = judged("username", &self.username, username, &mut flaws).unwrap_or_default();
        let email = judged("email", &self.email, email, &mut flaws).unwrap_or_default();
        let change = Change {
            name: Some(self.name.clone()),
            phone: Said::from(&self.phone),
            country: Said::from(&self.country),
            bio: Said::from(&self.bio),
            website: Said::from(&self.website),
            social_media: self.social_media.as_ref().map(|social| SocialMedia {
                instagram: social.instagram.clone(),
                twitter: social.twitter.clone(),
                facebook: social.facebook.clone(),
            }),
        };
        let mut profile = Profile::default();
        change.collect(&mut profile, &mut flaws);
        if flaws.is_empty() {
            Ok(Applicant { username, email, profile })
        } else {
            Err(Failure::Content(flaws))
        }
    }
}

impl Change {
    /// Writes the change into a profile, or says everything that is wrong with it.
    pub(super) fn apply(self, profile: &mut Profile) -> Result<(), Failure> {
        let mut flaws = Vec::new();
        self.collect(profile, &mut flaws);
        if flaws.is_empty() { Ok(()) } else { Err(Failure::Content(flaws)) }
    }

    fn collect(self, profile: &mut Profile, flaws: &mut Vec<BadParameter>) {
        if let Some(text) = &self.name
            && let Some(good) = judged("name", text, name, flaws)
        {
            profile.name = good;
        }
        let social = self.social_media.unwrap_or_default();
        let fields: [(Field<'_>, Said, Rule); 7] = [
            (("phone", &mut profile.phone), self.phone, phone),
            (("country", &mut profile.country), self.country, country),
            (("bio", &mut profile.bio), self.bio, bio),
            (("website", &mut profile.website), self.website, website),
            (("social_media.instagram", &mut profile.instagram), social.instagram, handle),
            (("social_media.twitter", &mut profile.twitter), social.twitter, handle),
            (("social_media.facebook", &mut profile.facebook), social.facebook, handle),
        ];
        for ((field, place), said, rule) in fields {
            match said {
                Said::Nothing => {}
                Said::Null => *place = None,
                // A blank text says as much as `null`.
                Said::Text(text) if text.trim().is_empty() => *place = None,
                Said::Text(text) => {
                    if let Some(good) = judged(field, &text, rule, flaws) {
                        *place = Some(good);
                    }
                }
            }
        }
    }
}

fn judged(field: &str, text: &str, rule: Rule, flaws: &mut Vec<BadParameter>) -> Option<String> {
    match rule(text.trim()) {
        Ok(good) => Some(good),
        Err((code, words)) => {
            flaws.push(BadParameter { field: field.to_owned(), code, detail: format!("`{field}` {words}") });
            None
        }
    }
}

fn username(text: &str) -> Result<String, Flaw> {
    let is_name = (2..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b));
    is_name
        .then(|| text.to_owned())
        .ok_or(("invalid_username", "must be 2 to 40 small letters, digits, `_`, `.` or `-`"))
}

/// An address that a letter could reach: one `@`, something before it, a name with a dot behind it.
pub(super) fn email(text: &str) -> Result<String, Flaw> {
    let lower = text.to_lowercase();
    let is_plain = lower.len() <= MAX_EMAIL
        && !lower.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\",;()[]\\".contains(c));
    let is_address = lower.split_once('@').is_some_and(|(local, host)| {
        let has_place = host.contains('.') && host.split('.').all(|label| !label.is_empty());
        (1..=64).contains(&local.len()) && has_place && !host.contains('@')
    });
    (is_plain && is_address)
        .then_some(lower)
        .ok_or(("invalid_email", "must be an e-mail address such as mara@example.com"))
}

fn name(text: &str) -> Result<String, Flaw> {
    let is_name = (1..=MAX_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    is_name.then(|| text.to_owned()).ok_or(("invalid_name", "must be 1 to 200 characters on one line"))
}

fn phone(text: &str) -> Result<String, Flaw> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_number = text.len() <= MAX_PHONE
        && (5..=20).contains(&digits)
        && text.bytes().all(|b| b.is_ascii_digit() || b" +-().".contains(&b));
    is_number
        .then(|| text.to_owned())
        .ok_or(("invalid_phone", "must be a phone number such as +46 70 123 45 67"))
}

fn country(text: &str) -> Result<String, Flaw> {
    let code = text.to_ascii_uppercase();
    let is_code = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
    is_code
        .then_some(code)
        .ok_or(("invalid_country", "must be a country's two letters (ISO 3166), such as SE"))
}

fn bio(text: &str) -> Result<String, Flaw> {
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let is_text = text.chars().count() <= MAX_BIO && !text.chars().any(is_odd);
    is_text.then(|| text.to_owned()).ok_or(("invalid_bio", "must be text of at most 2000 characters"))
}

fn website(text: &str) -> Result<String, Flaw> {
    let flaw =
        ("invalid_website", "must be an address such as https://blog.example.com, without a user in it");
    let url: Url = text.parse().map_err(|_| flaw)?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none();
    let text = String::from(url);
    if is_plain && text.len() <= MAX_WEBSITE { Ok(text) } else { Err(flaw) }
}

/// A name on another platform. The sign before it is not part of it.
fn handle(text: &str) -> Result<String, Flaw> {
    let name = text.strip_prefix('@').unwrap_or(text);
    let is_name = (1..=MAX_HANDLE).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    is_name
        .then(|| name.to_owned())
        .ok_or(("invalid_handle", "must be the name alone, such as mara.w: letters, digits, `_`, `.` or `-`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn application(more: &str) -> Result<Applicant, Vec<(String, &'static str)>> {
        let text =
            format!(r#"{{"username": "mara.w", "email": "Mara@Example.com", "name": "Mara W"{more}}}"#);
        let application: Application = serde_json::from_str(&text).expect(&text);
        application.judge().map_err(|failure| match failure {
            Failure::Content(bad) => bad.into_iter().map(|bad| (bad.field, bad.code)).collect(),
            other => panic!("{other}"),
        })
    }

    #[test]
    fn an_application_is_read_as_people_write() {
        let more = r#", "phone": "+46 70 123", "country": "se", "website": "https://mara.example.com",
            "bio": "Hiking.\nAnd tents.", "social_media": {"instagram": "@mara.w", "facebook": "  "}"#;
        let applicant = application(more).expect("good");
        let profile = applicant.profile;
        assert_eq!((applicant.email.as_str(), profile.country.as_deref()), ("mara@example.com", Some("SE")));
        assert_eq!(profile.website.as_deref(), Some("https://mara.example.com/"));
        assert_eq!((profile.instagram.as_deref(), profile.facebook), (Some("mara.w"), None));
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let more = r#", "phone": "call me", "country": "Sweden", "website": "javascript:alert(1)",
            "bio": "a\u0000b", "social_media": {"twitter": "https://x.example.com/mara"}"#;
        let seen = application(more).expect_err("five flaws");
        let codes: Vec<&str> = seen.iter().map(|(_, code)| *code).collect();
        assert_eq!(
            codes,
            ["invalid_phone", "invalid_country", "invalid_bio", "invalid_website", "invalid_handle"]
        );
        assert_eq!(seen[4].0, "social_media.twitter");
    }

    #[test]
    fn what_the_programme_decides_is_no_field_here() {
        for field in [
            "status",
            "is_active",
            "approved_at",
            "rejection_reason",
            "affiliate_id",
            "row_version",
            "vendor_id",
        ] {
            let change = format!(r#"{{"{field}": "approved"}}"#);
            assert!(serde_json::from_str::<Change>(&change).is_err(), "{field}");
        }
    }

    #[test]
    fn addresses_of_people_have_one_sign_and_a_place() {
        for good in ["a@example.com", "A.B+c@sub.example.com"] {
            assert!(email(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@b",
            "@example.com",
            "a@@example.com",
            "a b@example.com",
            "a@example..com",
            "a@b@c.d",
            "a@example.com\r\nBcc: x@y.z",
            "<a@example.com>",
        ] {
            assert!(email(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn null_clears_and_silence_keeps() {
        let mut profile =
            Profile { name: "Mara".to_owned(), phone: Some("+46 70 123".to_owned()), ..Profile::default() };
        let change: Change = serde_json::from_str(r#"{"bio": "New", "phone": null}"#).expect("a change");
        change.apply(&mut profile).expect("good");
        assert_eq!(
            (profile.name.as_str(), profile.phone, profile.bio.as_deref()),
            ("Mara", None, Some("New"))
        );
    }
}
