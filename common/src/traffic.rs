//! Where clicks come from and what people hold: closed vocabularies, so that the number of counters is bounded.
//!
//! A code never changes its meaning and is never used again: it is in journals, in Redis and in Postgres. Nothing
//! here keeps what it was told from: no user agent, referer or address leaves these functions.

mod agent;
mod channel;
mod country;
mod prefetch;

pub use agent::{Agent, Classifier};
pub use channel::channel;
pub use country::Country;
pub use prefetch::{Hints, is_prefetch};

/// A closed vocabulary: the codes and names are the stable part, the order is only how it is read.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $vocabulary:ident below $limit:literal {
        $($(#[$word_doc:meta])* $word:ident = $code:literal $name:literal,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(u8)]
        pub enum $vocabulary {
            $($(#[$word_doc])* $word = $code,)*
        }

        impl $vocabulary {
            /// Every word.
            pub const ALL: &[Self] = &[$(Self::$word),*];
            /// Codes lie below: so many bits have the journal's records for them.
            pub const LIMIT: u8 = $limit;

            /// The code in journals, Redis and Postgres.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The word with this code. `None`: from a newer program, or damaged.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$word),)*
                    _ => None,
                }
            }

            /// How reports and Postgres call it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$word => $name,)*
                }
            }
        }

        const _: () = {
            $(assert!($code < $limit, "a code must fit its bits in the record");)*
        };
    };
}

vocabulary! {
    /// The kind of device.
    Device below 16 {
        /// It does not say.
        #[default]
        Unknown = 0 "unknown",
        /// A computer.
        Desktop = 1 "desktop",
        /// A phone.
        Mobile = 2 "mobile",
        /// A tablet.
        Tablet = 3 "tablet",
        /// A television, or a box beside one.
        Tv = 4 "tv",
        /// A game console.
        Console = 5 "console",
        /// It says something else.
        Other = 15 "other",
    }
}

vocabulary! {
    /// The browser, or the app whose built-in browser it is.
    Browser below 32 {
        /// It does not say.
        #[default]
        Unknown = 0 "unknown",
        /// Google Chrome and what calls itself so.
        Chrome = 1 "chrome",
        /// Apple Safari.
        Safari = 2 "safari",
        /// Mozilla Firefox.
        Firefox = 3 "firefox",
        /// Microsoft Edge.
        Edge = 4 "edge",
        /// Opera of every kind.
        Opera = 5 "opera",
        /// Samsung Internet.
        SamsungInternet = 6 "samsung_internet",
        /// Internet Explorer.
        InternetExplorer = 7 "internet_explorer",
        /// Yandex Browser.
        Yandex = 8 "yandex",
        /// Vivaldi.
        Vivaldi = 9 "vivaldi",
        /// The browser of `DuckDuckGo`.
        DuckDuckGo = 10 "duckduckgo",
        /// UC Browser.
        Uc = 11 "uc",
        /// Xiaomi's browser.
        Miui = 12 "miui",
        /// Huawei's browser.
        Huawei = 13 "huawei",
        /// Amazon Silk.
        Silk = 14 "silk",
        /// Inside the Facebook or Messenger app.
        FacebookApp = 16 "facebook_app",
        /// Inside the Instagram or Threads app.
        InstagramApp = 17 "instagram_app",
        /// Inside the `TikTok` app.
        TiktokApp = 18 "tiktok_app",
        /// Inside the Snapchat app.
        SnapchatApp = 19 "snapchat_app",
        /// Inside the Pinterest app.
        PinterestApp = 20 "pinterest_app",
        /// Inside the `LinkedIn` app.
        LinkedinApp = 21 "linkedin_app",
        /// Inside the X app.
        XApp = 22 "x_app",
        /// Inside the LINE app.
        LineApp = 23 "line_app",
        /// Inside the `WeChat` app.
        WechatApp = 24 "wechat_app",
        /// Inside the Google app.
        GoogleApp = 25 "google_app",
        /// Inside another app.
        OtherApp = 26 "other_app",
        /// It says something else.
        Other = 31 "other",
    }
}

vocabulary! {
    /// The operating system.
    Os below 16 {
        /// It does not say.
        #[default]
        Unknown = 0 "unknown",
        /// Windows, Xbox included.
        Windows = 1 "windows",
        /// macOS, and iPads that ask for desktop pages.
        Macos = 2 "macos",
        /// iOS and iPadOS.
        Ios = 3 "ios",
        /// Android and what is built on it.
        Android = 4 "android",
        /// Linux on a desk.
        Linux = 5 "linux",
        /// The system of Chromebooks.
        ChromeOs = 6 "chrome_os",
        /// Samsung's system of televisions and watches.
        Tizen = 7 "tizen",
        /// LG's system of televisions.
        Webos = 8 "webos",
        /// Huawei's system after Android.
        Harmony = 9 "harmony",
        /// The system of smart feature phones.
        KaiOs = 10 "kai_os",
        /// It says something else.
        Other = 15 "other",
    }
}

vocabulary! {
    /// The traffic source: how people came to the link.
    Channel below 32 {
        /// No referer and no tag: typed, bookmarked, or from an app that does not say.
        #[default]
        Direct = 0 "direct",
        /// A search engine's results.
        Search = 1 "search",
        /// A social network.
        Social = 2 "social",
        /// A mail or newsletter.
        Email = 3 "email",
        /// A video site.
        Video = 4 "video",
        /// A chat.
        Messaging = 5 "messaging",
        /// An advertisement beside search results.
        PaidSearch = 6 "paid_search",
        /// An advertisement in a social network.
        PaidSocial = 7 "paid_social",
        /// Any other advertisement.
        PaidOther = 8 "paid_other",
        /// A conversational assistant's answer.
        Assistant = 9 "assistant",
        /// Another affiliate's or partner's tag.
        Affiliate = 10 "affiliate",
        /// A push notification or text message.
        Push = 11 "push",
        /// Any other site.
        Referral = 12 "referral",
        /// Tagged with words that are not known here.
        Other = 31 "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_closed_both_ways_and_names_are_words() {
        macro_rules! check {
            ($vocabulary:ident) => {
                for code in 0..=u8::MAX {
                    let word = $vocabulary::from_code(code);
                    assert_eq!(word, $vocabulary::ALL.iter().copied().find(|w| w.code() == code));
                    assert!(word.is_none() || code < $vocabulary::LIMIT);
                }
                let mut names: Vec<_> = $vocabulary::ALL.iter().map(|word| word.name()).collect();
                assert!(
                    names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')),
                    "{names:?}"
                );
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), $vocabulary::ALL.len());
                assert_eq!($vocabulary::default().code(), 0);
            };
        }
        check!(Device);
        check!(Browser);
        check!(Os);
        check!(Channel);
    }
}
