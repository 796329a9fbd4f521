//! The traffic source of a click, from the link's own query and the referer.
//!
//! The tags people put on a link are believed before the referer, for they say what was meant. Runs for every click:
//! it reads slices, allocates nothing, and looks at a query only if a tag can be in it.

use super::Channel;

/// Where the click comes from. `query` is the raw query of the request, without `?`; `referer` the raw header.
///
/// `utm_medium`, then an advertiser's click id, then `utm_source` or `source`, then the referer's host. Values are
/// compared as they stand: a tag that needs percent-decoding is none of those known here.
pub fn channel(query: &[u8], referer: Option<&[u8]>) -> Channel {
    let tags = Tags::of(query);
    tags.channel().or_else(|| referer.and_then(of_referer)).unwrap_or(match tags {
        Tags { medium: None, source: None, .. } => Channel::Direct,
        _ => Channel::Other,
    })
}

/// What a query says of its origin.
#[derive(Default)]
struct Tags<'a> {
    medium: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
    click_id: Option<Channel>,
}

impl<'a> Tags<'a> {
    fn of(query: &'a [u8]) -> Self {
        let mut tags = Self::default();
        for pair in query.split(|b| *b == b'&') {
            let Some(equals) = pair.iter().position(|b| *b == b'=') else { continue };
            let (name, value) = (&pair[..equals], &pair[equals + 1..]);
            match name {
                _ if value.is_empty() => {}
                b"utm_medium" => tags.medium = Some(value),
                b"utm_source" | b"source" => tags.source = tags.source.or(Some(value)),
                _ => tags.click_id = tags.click_id.or_else(|| of_click_id(name)),
            }
        }
        tags
    }

    fn channel(&self) -> Option<Channel> {
        let source = self.source.and_then(|source| of_word(source, of_source));
        let medium = self.medium.and_then(|medium| of_word(medium, of_medium));
        match (medium, source) {
            (Some(Medium::Is(channel)), _) => Some(channel),
            (Some(Medium::Paid), Some(Channel::Search)) => Some(Channel::PaidSearch),
            (Some(Medium::Paid), Some(Channel::Social | Channel::Video)) => Some(Channel::PaidSocial),
            (Some(Medium::Paid), _) => {
                Some(self.click_id.filter(|c| *c != Channel::Social).unwrap_or(Channel::PaidOther))
            }
            (None, source) => self.click_id.or(source),
        }
    }
}

/// What `utm_medium` means.
enum Medium {
    Is(Channel),
    /// An advertisement; where, the source says.
    Paid,
}

fn of_medium(word: &[u8]) -> Option<Medium> {
    Some(match word {
        b"cpc" | b"ppc" | b"paid" | b"cpm" | b"cpa" | b"cpv" | b"ad" | b"ads" | b"paidads" => Medium::Paid,
        b"paidsearch" | b"paid_search" | b"paid-search" | b"sem" => Medium::Is(Channel::PaidSearch),
        b"paidsocial" | b"paid_social" | b"paid-social" => Medium::Is(Channel::PaidSocial),
        b"display" | b"banner" | b"retargeting" | b"interstitial" => Medium::Is(Channel::PaidOther),
        b"organic" | b"search" | b"seo" => Medium::Is(Channel::Search),
        b"social" | b"sm" | b"social-network" | b"social_network" | b"social-media" | b"social_media" => {
            Medium::Is(Channel::Social)
        }
        b"email" | b"e-mail" | b"e_mail" | b"mail" | b"newsletter" => Medium::Is(Channel::Email),
        b"video" => Medium::Is(Channel::Video),
        b"chat" | b"messenger" | b"messaging" => Medium::Is(Channel::Messaging),
        b"affiliate" | b"affiliates" | b"partner" | b"influencer" => Medium::Is(Channel::Affiliate),
        b"push" | b"sms" | b"notification" => Medium::Is(Channel::Push),
        b"referral" | b"link" | b"blog" => Medium::Is(Channel::Referral),
        _ => return None,
    })
}

/// `utm_source`: a site's name, its host, or what people call it.
fn of_source(word: &[u8]) -> Option<Channel> {
    match word {
        b"fb" | b"ig" | b"insta" | b"meta" | b"x" | b"tt" | b"social" => Some(Channel::Social),
        b"yt" => Some(Channel::Video),
        b"adwords" | b"googleads" | b"google_ads" => Some(Channel::PaidSearch),
        b"newsletter" | b"email" | b"mail" | b"mailchimp" | b"klaviyo" => Some(Channel::Email),
        b"sms" | b"push" => Some(Channel::Push),
        _ if word.contains(&b'.') => of_host(word).filter(|channel| *channel != Channel::Referral),
        _ => of_brand(word),
    }
}

/// The parameters that advertising systems add by themselves.
fn of_click_id(name: &[u8]) -> Option<Channel> {
    Some(match name {
        b"gclid" | b"gbraid" | b"wbraid" | b"msclkid" | b"yclid" => Channel::PaidSearch,
        b"ttclid" | b"twclid" | b"ScCid" | b"li_fat_id" | b"epik" | b"rdt_cid" => Channel::PaidSocial,
        b"dclid" => Channel::PaidOther,
        // These two are added to every outgoing link, advertisement or not.
        b"fbclid" | b"igshid" => Channel::Social,
        _ => return None,
    })
}

/// Looks a tag's value up in lower case. The longest word known is shorter than the copy.
fn of_word<T>(value: &[u8], look_up: fn(&[u8]) -> Option<T>) -> Option<T> {
    let mut lower = [0; 32];
    let lower = lower.get_mut(..value.len())?;
    lower.copy_from_slice(value);
    lower.make_ascii_lowercase();
    look_up(lower)
}

fn of_referer(referer: &[u8]) -> Option<Channel> {
    let colon = referer.iter().position(|b| *b == b':')?;
    let rest = referer[colon..].strip_prefix(b"://")?;
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#' | b':' | b'@'));
    let host = &rest[..end.unwrap_or(rest.len())];
    match &referer[..colon] {
        _ if host.is_empty() => None,
        b"android-app" => Some(of_android_app(host)),
        _ => of_host(host),
    }
}

/// A host, in the lower case in which browsers write it: by its own name, by its first label, by its brand.
fn of_host(host: &[u8]) -> Option<Channel> {
    let (before, tld) = host.split_at(host.iter().rposition(|b| *b == b'.')?);
    let (mut before, mut brand) = last_label(before);
    let shortener = before.is_empty() && brand.len() <= 4;
    if shortener && let Some(channel) = of_shortener(host) {
        return Some(channel);
    }
    // `co.uk`, `com.br`, `ne.jp` and their like: the brand stands before.
    if tld.len() == 3
        && !before.is_empty()
        && matches!(brand, b"co" | b"com" | b"ne" | b"or" | b"net" | b"org")
    {
        (before, brand) = last_label(before);
    }
    let service = before.rsplit(|b| *b == b'.').next().unwrap_or_default();
    Some(of_service(service, brand).or_else(|| of_brand(brand)).unwrap_or(Channel::Referral))
}

/// What stands before the last dot, and the label after it.
fn last_label(name: &[u8]) -> (&[u8], &[u8]) {
    name.iter().rposition(|b| *b == b'.').map_or((&[], name), |dot| (&name[..dot], &name[dot + 1..]))
}

/// Short domains, whose label alone says nothing.
fn of_shortener(host: &[u8]) -> Option<Channel> {
    Some(match host {
        b"t.co" | b"x.com" | b"fb.me" | b"lnkd.in" | b"pin.it" | b"vk.com" | b"ok.ru" | b"vk.cc" => {
            Channel::Social
        }
        b"t.me" | b"m.me" | b"wa.me" | b"line.me" => Channel::Messaging,
        b"b23.tv" => Channel::Video,
        b"g.co" | b"ya.ru" | b"so.com" => Channel::Search,
        b"you.com" => Channel::Assistant,
        b"mail.ru" | b"hey.com" | b"gmx.net" | b"gmx.de" | b"web.de" => Channel::Email,
        _ => return None,
    })
}

/// A service of a brand that has several, by the label directly before it: `mail.google`, `search.yahoo`.
fn of_service(service: &[u8], brand: &[u8]) -> Option<Channel> {
    Some(match (service, brand) {
        (b"gemini" | b"bard", b"google") | (b"copilot", b"microsoft") => Channel::Assistant,
        (b"chat" | b"meet", b"google") | (b"teams", b"microsoft") => Channel::Messaging,
        (b"go", b"mail") | (b"search", _) => Channel::Search,
        (b"e", b"mail") | (b"mail" | b"webmail" | b"email" | b"outlook" | b"inbox", _) => Channel::Email,
        _ => return None,
    })
}

/// A brand whose sites are all of one kind.
fn of_brand(brand: &[u8]) -> Option<Channel> {
    Some(match brand {
        b"google" | b"bing" | b"yahoo" | b"duckduckgo" | b"yandex" | b"baidu" | b"ecosia" | b"qwant"
        | b"startpage" | b"brave" | b"naver" | b"seznam" | b"kagi" | b"daum" | b"sogou" | b"ask" | b"aol"
        | b"coccoc" | b"mojeek" | b"swisscows" => Channel::Search,
        b"facebook" | b"instagram" | b"twitter" | b"tiktok" | b"pinterest" | b"linkedin" | b"reddit"
        | b"snapchat" | b"threads" | b"tumblr" | b"bsky" | b"quora" | b"weibo" | b"vkontakte" | b"xing"
        | b"mastodon" | b"flickr" | b"linktr" | b"medium" | b"nextdoor" | b"xiaohongshu" | b"messages" => {
            Channel::Social
        }
        b"youtube" | b"youtu" | b"vimeo" | b"twitch" | b"dailymotion" | b"bilibili" | b"rumble"
        | b"youtube-nocookie" => Channel::Video,
        b"whatsapp" | b"telegram" | b"discord" | b"messenger" | b"slack" | b"viber" | b"wechat"
        | b"signal" | b"skype" | b"discordapp" | b"kakao" => Channel::Messaging,
        b"gmail" | b"outlook" | b"hotmail" | b"protonmail" | b"proton" | b"fastmail" | b"gmx" | b"zoho"
        | b"tutanota" => Channel::Email,
        b"chatgpt" | b"openai" | b"perplexity" | b"claude" | b"gemini" | b"copilot" | b"mistral"
        | b"deepseek" => Channel::Assistant,
        _ => return None,
    })
}

/// The package of an app that opened the link, in Android's way.
fn of_android_app(package: &[u8]) -> Channel {
    match package {
        b"com.google.android.gm" => Channel::Email,
        b"com.google.android.apps.messaging" => Channel::Push,
        b"com.google.android.googlequicksearchbox" => Channel::Search,
        b"org.telegram.messenger" | b"org.thoughtcrime.securesms" | b"jp.naver.line.android" => {
            Channel::Messaging
        }
        b"com.zhiliaoapp.musically" => Channel::Social,
        // Most packages are a host read backwards: `com.facebook.katana`.
        _ => package.split(|b| *b == b'.').nth(1).and_then(of_brand).unwrap_or(Channel::Referral),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(query: &str, referer: &str, expect: Channel) {
        let referer = (!referer.is_empty()).then_some(referer.as_bytes());
        assert_eq!(channel(query.as_bytes(), referer), expect, "{query:?} {referer:?}");
    }

    #[test]
    fn referers_are_understood_by_host() {
        use Channel::{Assistant, Direct, Email, Messaging, Push, Referral, Search, Social, Video};
        for (referer, expect) in [
            ("", Direct),
            ("https://www.google.com/", Search),
            ("https://www.google.co.uk/search?q=shoes", Search),
            ("https://www.google.com.br", Search),
            ("https://google.de:443/", Search),
            ("https://www.bing.com/", Search),
            ("https://duckduckgo.com/", Search),
            ("https://search.brave.com/", Search),
            ("https://uk.search.yahoo.com/x", Search),
            ("https://m.search.naver.com/", Search),
            ("https://go.mail.ru/", Search),
            ("https://ya.ru/", Search),
            ("android-app://com.google.android.googlequicksearchbox/https/www.google.com", Search),
            ("https://l.facebook.com/l.php?u=x", Social),
            ("http://m.facebook.com", Social),
            ("https://t.co/abc", Social),
            ("https://x.com/", Social),
            ("https://www.instagram.com/", Social),
            ("https://lnkd.in/x", Social),
            ("https://www.tiktok.com/", Social),
            ("https://old.reddit.com/r/x", Social),
            ("android-app://com.facebook.katana/", Social),
            ("android-app://com.linkedin.android/", Social),
            ("https://mail.google.com/mail/u/0", Email),
            ("https://outlook.live.com/", Email),
            ("https://mail.yahoo.co.jp/", Email),
            ("https://e.mail.ru/", Email),
            ("https://webmail.example.com/", Email),
            ("android-app://com.google.android.gm", Email),
            ("https://www.youtube.com/watch?v=1", Video),
            ("https://youtu.be/1", Video),
            ("https://m.twitch.tv/", Video),
            ("https://web.whatsapp.com/", Messaging),
            ("https://web.telegram.org/", Messaging),
            ("https://teams.microsoft.com/", Messaging),
            ("android-app://org.telegram.messenger", Messaging),
            ("android-app://com.google.android.apps.messaging", Push),
            ("https://chatgpt.com/", Assistant),
            ("https://gemini.google.com/app", Assistant),
            ("https://www.perplexity.ai/", Assistant),
            ("https://shop.example.com/google.com/", Referral),
            ("https://google.com.example.com/", Referral),
            ("https://notgoogle.com/", Referral),
            ("https://user@google.com/", Direct),
            ("android-app://com.example.app", Referral),
            ("about:blank", Direct),
            ("https://", Direct),
            ("https://localhost/", Direct),
            ("://", Direct),
            ("...", Direct),
        ] {
            check("", referer, expect);
        }
    }

    #[test]
    fn tags_are_believed_before_the_referer() {
        use Channel::{
            Affiliate, Direct, Email, Other, PaidOther, PaidSearch, PaidSocial, Push, Referral, Search,
            Social, Video,
        };
        let google = "https://www.google.com/";
        for (query, referer, expect) in [
            ("utm_medium=email", google, Email),
            ("sub1=x&utm_source=news&utm_medium=Email", "", Email),
            ("utm_medium=cpc&utm_source=google", google, PaidSearch),
            ("utm_medium=cpc&utm_source=facebook", "", PaidSocial),
            ("utm_medium=paid&fbclid=x", "", PaidOther),
            ("utm_medium=cpc&gclid=x", "", PaidSearch),
            ("utm_medium=banner", "", PaidOther),
            ("utm_medium=social", google, Social),
            ("utm_medium=affiliate", "", Affiliate),
            ("utm_medium=sms", "", Push),
            ("utm_medium=organic&gclid=x", "", Search),
            ("gclid=x", google, PaidSearch),
            ("fbclid=x", "", Social),
            ("ttclid=x", "", PaidSocial),
            ("gclid=", "", Direct),
            ("source=youtube", "", Video),
            ("utm_source=FB", "", Social),
            ("utm_source=google.com", "", Search),
            ("utm_source=newsletter", "", Email),
            ("source=winter", google, Search),
            ("source=winter", "https://shop.example.com/", Referral),
            ("source=winter", "", Other),
            ("utm_medium=unheard", "", Other),
            ("utm_source=example.com", "", Other),
            ("resource=youtube&utm_medium", "", Direct),
            ("sub1=utm_medium=email", "", Direct),
            ("&&=&==", "", Direct),
        ] {
            check(query, referer, expect);
        }
        check(&format!("utm_source={}", "x".repeat(5000)), "", Other);
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_channel(query: Vec<u8>, referer in proptest::option::of(any::<Vec<u8>>())) {
            channel(&query, referer.as_deref());
        }
    }
}
