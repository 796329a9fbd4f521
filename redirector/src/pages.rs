//! What people see when there is nowhere to send them: small pages without scripts, in light and dark.

/// A page's text around a title and a sentence.
macro_rules! page {
    ($title:literal, $text:literal) => {
        concat!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
            "<meta name=\"robots\" content=\"noindex\"><title>",
            $title,
            "</title><style>:root{color-scheme:light dark}body{font:1.1rem/1.6 system-ui,sans-serif;max-width:32rem;",
            "margin:18vh auto 0;padding:0 1.5rem}h1{font-size:1.5rem;line-height:1.3}</style></head><body><main><h1>",
            $title,
            "</h1><p>",
            $text,
            "</p></main></body></html>\n"
        )
    };
}

/// The bare address.
pub(crate) const HOME: &str = page!(
    "This address forwards links",
    "Shops and their partners share links that begin with this address. To follow one, open the whole link."
);

/// No such link.
pub(crate) const NOT_FOUND: &str = page!(
    "We do not know this link",
    "Please check that the address is complete. If somebody sent you the link, they may have a newer one."
);

/// A link that is paused or has expired, of a vendor without another place to go.
pub(crate) const ENDED: &str = page!(
    "This link has ended",
    "What it led to is over or taking a break. The shop itself may still have what you look for."
);

/// A link we cannot look up now.
pub(crate) const UNAVAILABLE: &str = page!(
    "Please try again in a moment",
    "We cannot look this link up right now. It is not your fault, and it should not last."
);

/// A guess of the browser, which must not use up the click.
pub(crate) const LATER: &str =
    page!("Not yet", "Your browser asked ahead of time. The link opens when you click it.");

/// A request that cannot be understood.
pub(crate) const BAD_REQUEST: &str = page!(
    "That request did not make sense",
    "Your browser or program sent something that is not a request for a link."
);

/// A method we do not serve.
pub(crate) const METHOD: &str =
    page!("Links can only be opened", "Only GET and HEAD requests are answered here.");

/// For programs that ask what they may crawl: nothing, there is nothing here to find.
pub(crate) const ROBOTS: &str = "User-agent: *\nDisallow: /\n";
