//! Every trick with a URL that we know of, and the ordinary ones.

use super::*;

const REDIRECT: &str = "https://go.example.com";

fn judge(text: &str, schemes: Schemes) -> Result<String, BadUrl> {
    let hosts = ["shop.example.com", ".example.net", "xn--bcher-kva.example", "go.example.com", "192.0.2.7"];
    let allowed_hosts = hosts.map(|host| host.parse().expect("a host"));
    destination(text, &Rules { allowed_hosts: &allowed_hosts, schemes, redirect_url: REDIRECT })
}

#[test]
fn destinations_are_stored_in_one_spelling() {
    for (text, stored) in [
        ("https://shop.example.com", "https://shop.example.com"),
        ("https://shop.example.com/", "https://shop.example.com/"),
        ("HTTPS://Shop.Example.COM/Page?Q=1#Top", "https://shop.example.com/Page?Q=1#Top"),
        ("https://shop.example.com:443/p", "https://shop.example.com/p"),
        ("https://shop.example.com:8443/p", "https://shop.example.com:8443/p"),
        ("https://a.b.example.net/x", "https://a.b.example.net/x"),
        ("https://bücher.example/für", "https://xn--bcher-kva.example/f%C3%BCr"),
        ("https://shop.example.com/a%20b?c=%2F", "https://shop.example.com/a%20b?c=%2F"),
        (
            "https://shop.example.com/p?x=@y&u=https://other.test/",
            "https://shop.example.com/p?x=@y&u=https://other.test/",
        ),
        ("https://shop.example.com/p?clk=old&a=1", "https://shop.example.com/p?a=1"),
        (
            "https://shop.example.com/{country}?s={sub1}&c={click_id}",
            "https://shop.example.com/{country}?s={sub1}&c={click_id}",
        ),
        ("https://shop.example.com?q={sub5}", "https://shop.example.com?q={sub5}"),
        ("https://192.0.2.7/p", "https://192.0.2.7/p"),
        ("https://shop.example.com//two//slashes", "https://shop.example.com//two//slashes"),
        ("https://shop.example.com/..;/p", "https://shop.example.com/..;/p"),
    ] {
        assert_eq!(judge(text, Schemes::Https).as_deref(), Ok(stored), "{text}");
    }
    assert_eq!(
        judge("http://shop.example.com/p", Schemes::HttpToo).as_deref(),
        Ok("http://shop.example.com/p")
    );
}

/// What every row of the table below is refused as.
#[derive(Debug, PartialEq)]
enum Why {
    Written,
    Scheme,
    UserInfo,
    Host,
    Foreign,
    Loop,
    Macro,
}

fn why(bad: &BadUrl) -> Why {
    match bad {
        BadUrl::Empty | BadUrl::TooLong | BadUrl::Character(_) | BadUrl::Percent => Why::Written,
        BadUrl::Scheme(_) => Why::Scheme,
        BadUrl::UserInfo => Why::UserInfo,
        BadUrl::Host(_) | BadUrl::Port | BadUrl::Syntax(_) => Why::Host,
        BadUrl::ForeignHost(_) => Why::Foreign,
        BadUrl::Loop(_) => Why::Loop,
        BadUrl::Template(_) | BadUrl::Macro => Why::Macro,
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn no_trick_gets_through() {
    let long = format!("https://shop.example.com/{}", "x".repeat(MAX_BYTES));
    let long_when_encoded = format!("https://shop.example.com/{}", "ü".repeat(MAX_BYTES / 4));
    let long_label = format!("https://{}.example.net/", "x".repeat(64));
    let long_name = format!("https://{}example.net/", "x.".repeat(130));
    let table: &[(&str, Why)] = &[
        // written so that readers disagree
        ("", Why::Written),
        (" https://shop.example.com/", Why::Written),
        ("https://shop.example.com/ ", Why::Written),
        ("https://shop.example.com/a b", Why::Written),
        ("https://shop.example.com/\t", Why::Written),
        ("https://shop.example.com/\n", Why::Written),
        ("https://shop.example.com/\r\nSet-Cookie:a=b", Why::Written),
        ("ht\ntps://shop.example.com/", Why::Written),
        ("https://shop.exa\tmple.com/", Why::Written),
        ("https://shop.example.com/\0", Why::Written),
        ("https://shop.example.com/\u{7f}", Why::Written),
        ("https://shop.example.com/\u{85}", Why::Written),
        ("https://shop.example.com/\u{a0}", Why::Written),
        ("https://shop.example.com/\u{2028}", Why::Written),
        ("https://shop.example.com/\u{3000}", Why::Written),
        ("https://shop\u{ad}.example.com/", Why::Written),
        ("https://shop\u{200b}.example.com/", Why::Written),
        ("https://shop.example.com/\u{202e}gnp.exe", Why::Written),
        ("\u{feff}https://shop.example.com/", Why::Written),
        ("https:\\\\evil.example.org", Why::Written),
        ("https://evil.example.org\\@shop.example.com/", Why::Written),
        ("https://shop.example.com\\.evil.example.org/", Why::Written),
        ("https://shop.example.com/<script>", Why::Written),
        ("https://shop.example.com/\"onload=", Why::Written),
        ("https://shop.example.com/`id`", Why::Written),
        ("https://shop.example.com/a^b", Why::Written),
        ("https://shop.example.com/100%", Why::Written),
        ("https://shop.example.com/%zz", Why::Written),
        ("https://shop.example.com/%2", Why::Written),
        (&long, Why::Written),
        (&long_when_encoded, Why::Written),
        // not https://
        ("shop.example.com", Why::Scheme),
        ("/p", Why::Scheme),
        ("//evil.example.org/p", Why::Scheme),
        ("https:shop.example.com", Why::Scheme),
        ("https:/shop.example.com", Why::Scheme),
        ("http://shop.example.com/", Why::Scheme),
        ("javascript:alert(1)", Why::Scheme),
        ("JaVaScRiPt:alert(1)//https://shop.example.com/", Why::Scheme),
        ("data:text/html,x", Why::Scheme),
        ("vbscript:x", Why::Scheme),
        ("file:///etc/passwd", Why::Scheme),
        ("ftp://shop.example.com/", Why::Scheme),
        ("blob:https://shop.example.com/x", Why::Scheme),
        ("view-source:https://shop.example.com/", Why::Scheme),
        ("intent://shop.example.com/#Intent;end", Why::Scheme),
        ("ws://shop.example.com/", Why::Scheme),
        ("{sub1}://shop.example.com/", Why::Scheme),
        // somebody before the host
        ("https://user@shop.example.com/", Why::UserInfo),
        ("https://u:p@shop.example.com/", Why::UserInfo),
        ("https://@evil.example.org/", Why::UserInfo),
        ("https://:@shop.example.com/", Why::UserInfo),
        ("https://shop.example.com@evil.example.org/", Why::UserInfo),
        ("https://shop.example.com:x@evil.example.org/", Why::UserInfo),
        // no host, or a strange one
        ("https://", Why::Host),
        ("https:///shop.example.com/", Why::Host),
        ("https:////shop.example.com/", Why::Host),
        ("https://?shop.example.com", Why::Host),
        ("https://#shop.example.com", Why::Host),
        ("https://:443/", Why::Host),
        ("https://shop.example.com:99999/", Why::Host),
        ("https://shop.example.com:0/", Why::Host),
        ("https://shop.example.com:8x/", Why::Host),
        ("https://shop.example.com./", Why::Host),
        ("https://shop..example.com/", Why::Host),
        ("https://.example.net/", Why::Host),
        ("https://shop%2eexample.com/", Why::Host),
        ("https://%73hop.example.com/", Why::Host),
        ("https://shop.example.com%00.evil.example.org/", Why::Host),
        ("https://shop.example.com%2f.evil.example.org/", Why::Host),
        ("https://[::1/", Why::Host),
        ("https://[::1%25eth0]/", Why::Host),
        ("https://1.2.3.4.5/", Why::Host),
        ("https://256.1.1.1/", Why::Host),
        (&long_label, Why::Host),
        (&long_name, Why::Host),
        // somebody else's
        ("https://evil.example.org/", Why::Foreign),
        ("https://example.com/", Why::Foreign),
        ("https://example.net/", Why::Foreign),
        ("https://shop.example.com.evil.example.org/", Why::Foreign),
        ("https://evilshop.example.com/", Why::Foreign),
        ("https://evilexample.net/", Why::Foreign),
        ("https://a.shop.example.com/", Why::Foreign),
        ("https://evil.example.org/?shop.example.com", Why::Foreign),
        ("https://evil.example.org#@shop.example.com/", Why::Foreign),
        ("https://evil.example.org/https://shop.example.com/", Why::Foreign),
        ("https://ѕhop.example.com/", Why::Foreign), // a Cyrillic letter
        ("https://xn--hop-xye.example.com/", Why::Host),
        ("https://localhost/", Why::Foreign),
        ("https://127.0.0.1/", Why::Foreign),
        ("https://2130706433/", Why::Foreign),
        ("https://0x7f.0.0.1/", Why::Foreign),
        ("https://0177.0.0.1/", Why::Foreign),
        ("https://[::1]/", Why::Foreign),
        ("https://[::ffff:192.0.2.7]/", Why::Foreign),
        ("https://169.254.169.254/latest/meta-data", Why::Foreign),
        // back to ourselves
        ("https://go.example.com/summer-1", Why::Loop),
        ("https://GO.example.com:443/summer-1", Why::Loop),
        // macros
        ("https://{sub1}.example.net/", Why::Macro),
        ("https://shop.example.com:{sub1}/", Why::Macro),
        ("https://shop.example.com{sub1}", Why::Macro),
        ("https://shop.example.com{sub1}/p", Why::Macro),
        ("https://shop.example.com/{unknown}", Why::Macro),
        ("https://shop.example.com/{sub1", Why::Macro),
        ("https://shop.example.com/{Sub1}", Why::Macro),
        ("https://shop.example.com/{sub6}", Why::Macro),
        ("https://shop.example.com/{}", Why::Macro),
        ("https://shop.example.com/{{sub1}}", Why::Macro),
    ];
    for (text, expect) in table {
        match judge(text, Schemes::Https) {
            Ok(stored) => panic!("{text:?} got through as {stored:?}"),
            Err(bad) => assert_eq!(why(&bad), *expect, "{text:?}: {bad}"),
        }
    }
    assert!(table.len() >= 100, "{}", table.len());
}

#[test]
fn http_leads_back_too() {
    for text in ["http://go.example.com/x", "http://go.example.com:443/x", "https://go.example.com"] {
        assert!(matches!(judge(text, Schemes::HttpToo), Err(BadUrl::Loop(_))), "{text}");
    }
    let local = |text| {
        let allowed_hosts = ["127.0.0.1".parse().expect("a host")];
        let redirect_url = "http://127.0.0.1:8080";
        destination(text, &Rules { allowed_hosts: &allowed_hosts, schemes: Schemes::HttpToo, redirect_url })
    };
    assert!(local("http://127.0.0.1:8080/x").is_err());
    assert!(local("http://127.1:8080/x").is_err(), "the same address");
    assert!(local("http://127.0.0.1:9000/x").is_ok(), "another server of the machine");
}

#[test]
fn without_hosts_nothing_is_allowed() {
    let rules = Rules { allowed_hosts: &[], schemes: Schemes::Https, redirect_url: REDIRECT };
    assert!(matches!(destination("https://shop.example.com/", &rules), Err(BadUrl::ForeignHost(_))));
}

#[test]
fn fallbacks_and_websites_hold_no_macros() {
    let hosts = ["shop.example.com".parse().expect("a host")];
    let rules = Rules { allowed_hosts: &hosts, schemes: Schemes::Https, redirect_url: REDIRECT };
    assert_eq!(
        fallback("https://shop.example.com/sale", &rules).as_deref(),
        Ok("https://shop.example.com/sale")
    );
    assert_eq!(fallback("https://shop.example.com/{sub1}", &rules), Err(BadUrl::Macro));
    assert!(fallback("https://example.org/", &rules).is_err());
    assert_eq!(website("http://blog.example.org/me").as_deref(), Ok("http://blog.example.org/me"));
    for bad in ["https://blog.example.org/{x}", "javascript:alert(1)", "https://a@blog.example.org/", "blog"]
    {
        assert!(website(bad).is_err(), "{bad}");
    }
}
