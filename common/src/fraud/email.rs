//! Whether two e-mail addresses may be one person's.

/// Domains where anybody has an address: sharing one says nothing.
const GENERIC: [&str; 32] = [
    "aol.com",
    "btinternet.com",
    "comcast.net",
    "duck.com",
    "email.com",
    "fastmail.com",
    "free.fr",
    "gmail.com",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "hey.com",
    "hotmail.co.uk",
    "hotmail.com",
    "icloud.com",
    "laposte.net",
    "libero.it",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "orange.fr",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "web.de",
    "yahoo.com",
    "yandex.ru",
    "zoho.com",
];

/// The address under which mail to this one arrives, as far as it can be told: lower case, without blanks around it
/// and without a `+tag`. Gmail ignores points as well and has a second name. Text that is no address is only
/// trimmed and lowered.
pub fn normalise_email(address: &str) -> String {
    let address = address.trim().to_lowercase();
    let Some((local, domain)) = address.rsplit_once('@') else { return address };
    let local = local.split('+').next().unwrap_or_default();
    match domain {
        "gmail.com" | "googlemail.com" => format!("{}@gmail.com", local.replace('.', "")),
        _ => format!("{local}@{domain}"),
    }
}

/// Whether both are one address, or of one domain that not everybody has an address at.
pub fn is_same_person(one: &str, other: &str) -> bool {
    let (one, other) = (normalise_email(one), normalise_email(other));
    let (Some((_, domain)), Some((_, other_domain))) = (one.rsplit_once('@'), other.rsplit_once('@')) else {
        return false;
    };
    let is_same_domain = domain == other_domain && !domain.is_empty();
    is_same_domain && (one == other || !GENERIC.contains(&domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_led_back_to_one() {
        for (address, expect) in [
            (" Mia.Berg+shop@Example.com ", "mia.berg@example.com"),
            ("mia.berg+a+b@googlemail.com", "miaberg@gmail.com"),
            ("M.I.A.Berg@gmail.com", "miaberg@gmail.com"),
            ("mia.berg@example.com", "mia.berg@example.com"),
            ("\"a@b\"@example.com", "\"a@b\"@example.com"),
            ("+tag@example.com", "@example.com"),
            ("nobody", "nobody"),
            ("", ""),
            ("@", "@"),
        ] {
            assert_eq!(normalise_email(address), expect, "{address:?}");
        }
    }

    #[test]
    fn sharing_a_domain_counts_unless_everybody_does() {
        for (one, other, expect) in [
            ("mia@gmail.com", "m.ia+x@googlemail.com", true),
            ("mia@gmail.com", "tom@gmail.com", false),
            ("mia@teapots.example.com", "tom@teapots.example.com", true),
            ("mia@teapots.example.com", "tom@kettles.example.com", false),
            ("mia", "mia", false),
            ("", "", false),
            ("@", "@", false),
            ("mia@", "tom@", false),
        ] {
            assert_eq!(is_same_person(one, other), expect, "{one} {other}");
            assert_eq!(is_same_person(other, one), expect, "{other} {one}");
        }
    }

    #[test]
    fn generic_domains_are_sorted() {
        assert!(GENERIC.is_sorted(), "so that nobody adds one twice");
    }
}
