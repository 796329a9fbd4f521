//! What the two documents that the product was made from describe, S1 to S42: each is there for whom it is meant, at most
//! three clicks from home.

use anyhow::{Result, ensure};

use super::chromium::Chromium;
use super::roles::Role::{self, Affiliate, Operator};
use super::roles::come_in;
use super::window::Window;

/// How many clicks from home anything may be.
const MAX_CLICKS: usize = 3;

/// A row: its name, who looks, what they press one after the other, and what there is to see then.
struct Row(&'static str, Role, &'static [&'static str], Sees);

/// What somebody sees.
enum Sees {
    /// These words.
    Words(&'static [&'static str]),
    /// Something that this selects.
    Thing(&'static str),
    /// This word, in a colour that is more of this channel than of the other: red or green.
    Coloured(&'static [(&'static str, Channel)]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Red,
    Green,
}

use Channel::{Green, Red};
use Sees::{Coloured, Thing, Words};

/// Somebody of the demo who has all there is to have.
const XAVER: &str = "Xaver Noman";
/// Somebody who applied, with documents.
const YARA: &str = "Yara Yesterday";
/// The last tab of a dashboard.
const LINKS: &str = "nav a[href$='/links'][href^='/affiliates/']";

const ROWS: &[Row] = &[
    Row(
        "s01_invite_several_addresses_at_once",
        Operator,
        &["Invitations", "Invite affiliates"],
        Thing("textarea[name=emails]"),
    ),
    Row(
        "s02_affiliates_with_live_sales_figures",
        Operator,
        &["Affiliates"],
        Thing("#affiliates[hx-trigger] [data-label=Sales]"),
    ),
    Row(
        "s03_a_dashboard_with_three_tabs",
        Operator,
        &["Affiliates", XAVER],
        Thing("nav.tabs a:nth-child(3)"),
    ),
    Row(
        "s04_total_clicks_and_unique_visits",
        Operator,
        &["Affiliates", XAVER],
        Words(&["Total clicks", "Unique visits"]),
    ),
    Row("s05_total_number_of_sales", Operator, &["Affiliates", XAVER], Words(&["Sales"])),
    Row("s06_total_revenue", Operator, &["Affiliates", XAVER], Words(&["Revenue", "€"])),
    Row(
        "s07_username_mail_country_and_signup_date",
        Operator,
        &["Affiliates", XAVER],
        Words(&["@xaver", "xaver@xaver.example.com", "Country", "DE", "Signed up"]),
    ),
    Row("s08_product_names_of_sales", Operator, &["Affiliates", XAVER, "Sales"], Words(&["Products"])),
    Row("s09_status_abandoned", Operator, &["Orders", "Abandoned"], Thing("tbody .badge")),
    Row("s10_status_pending", Operator, &["Orders", "Pending"], Thing("tbody .badge")),
    Row("s11_status_completed", Operator, &["Orders", "Completed"], Thing("tbody .badge")),
    Row("s12_status_paid", Operator, &["Orders", "Paid"], Thing("tbody .badge")),
    Row(
        "s13_customer_net_amount_source_and_delivery",
        Operator,
        &["Orders", "Paid", "tbody th a"],
        Words(&["Customer and delivery", "Net", "Traffic source", "Delivery"]),
    ),
    Row(
        "s14_all_links_of_an_affiliate",
        Operator,
        &["Affiliates", XAVER, LINKS],
        Words(&["Clicks", "Orders", "Commission", "Expires"]),
    ),
    Row(
        "s15_active_is_green_and_suspended_red",
        Operator,
        &["Affiliates"],
        Coloured(&[("Active", Green), ("Suspended", Red)]),
    ),
    Row(
        "s16_block_in_the_menu_of_the_list",
        Operator,
        &["Affiliates", "Actions for Xaver Noman"],
        Words(&["Block"]),
    ),
    Row(
        "s16_suspend_on_the_profile",
        Operator,
        &["Affiliates", XAVER],
        Thing("form[action$='/suspend'] button"),
    ),
    Row(
        "s17_name_mail_phone_bio_website",
        Operator,
        &["Affiliates", XAVER],
        Words(&["Name", "Mail", "Phone", "Website", "Bicycle repairs"]),
    ),
    Row("s17_a_profile_of_ones_own", Affiliate, &["Profile"], Thing("textarea[name=bio]")),
    Row(
        "s18_instagram_twitter_facebook",
        Operator,
        &["Affiliates", XAVER],
        Words(&["Instagram", "Twitter", "Facebook"]),
    ),
    Row(
        "s19_bank_account",
        Operator,
        &["Affiliates", XAVER],
        Words(&["Bank account", "Bank of Nowhere", "Account number", "Account name"]),
    ),
    Row(
        "s19_swift_and_branch_code",
        Affiliate,
        &["Profile", "Bank account"],
        Thing("form:has([name=swift_bic]) [name=branch_code]"),
    ),
    Row("s20_documents_with_their_files", Operator, &["Affiliates", YARA], Thing(".paper a[download]")),
    Row(
        "s21_each_document_with_what_was_found",
        Operator,
        &["Affiliates", YARA],
        Words(&["Pending", "sent", "Approve", "Reject"]),
    ),
    Row(
        "s22_kinds_and_size_of_documents",
        Affiliate,
        &["Profile", "Documents"],
        Words(&["JPG, PNG, WEBP or PDF", "5 MB at most"]),
    ),
    Row(
        "s23_pending_approved_rejected",
        Operator,
        &["Affiliates"],
        Words(&["Pending", "Approved", "Rejected"]),
    ),
    Row(
        "s24_the_reason_of_a_rejection",
        Operator,
        &["Affiliates", "Rejected", "tbody th a"],
        Words(&["Rejected because"]),
    ),
    Row("s25_when_it_was_approved", Operator, &["Affiliates", XAVER], Words(&["Approved"])),
    Row(
        "s26_suspending_keeps_the_status",
        Operator,
        &["Affiliates", "Suspended"],
        Words(&["Approved", "Suspended"]),
    ),
    Row(
        "s27_analytics_of_those_who_are_active",
        Operator,
        &["Affiliates", "Suspended", "tbody th a"],
        Words(&["Total clicks", "Reactivate"]),
    ),
    Row("s28_links_that_are_paused", Operator, &["Affiliates", XAVER, LINKS], Words(&["Standing", "Active"])),
    Row(
        "s29_reactivate",
        Operator,
        &["Affiliates", "Suspended"],
        Thing("form[action$='/reactivate'] button"),
    ),
    Row(
        "s30_code_vendor_and_product_of_a_link",
        Operator,
        &["Links", "tbody th a"],
        Words(&["Public address", "Vendor", "Product"]),
    ),
    Row(
        "s31_clicks_orders_and_commission_of_a_link",
        Operator,
        &["Links"],
        Words(&["Human", "Orders", "Commission"]),
    ),
    Row("s32_whether_a_link_is_active", Operator, &["Links"], Coloured(&[("Active", Green)])),
    Row("s33_when_a_link_expires", Operator, &["Links", "tbody th a"], Words(&["Expires"])),
    Row(
        "s34_requests_with_message_and_answer",
        Operator,
        &["Requests", "tbody th a"],
        Words(&["Message", "Vendor", "asked"]),
    ),
    Row("s34_asking_a_vendor", Affiliate, &["Requests", "Ask a vendor"], Thing("[name=request_type]")),
    Row(
        "s35_clicks_orders_and_commission_of_the_programme",
        Operator,
        &[],
        Words(&["Human clicks", "Orders", "Commission"]),
    ),
    Row("s36_conversion_rate", Operator, &[], Words(&["Conversion", "%"])),
    Row(
        "s37_pending_approved_rejected_at_a_glance",
        Operator,
        &[],
        Words(&["Pending", "Approved", "Rejected"]),
    ),
    Row(
        "s38_pending_applications_first",
        Operator,
        &["Affiliates"],
        Thing("tbody tr:first-child a[href$='/review']"),
    ),
    Row(
        "s39_vendor_rate_and_day_of_a_partnership",
        Operator,
        &["Partnerships"],
        Words(&["Vendor", "Commission", "Joined"]),
    ),
    Row(
        "s40_status_of_a_partnership",
        Operator,
        &["Partnerships"],
        Words(&["Pending", "Approved", "Rejected", "Active", "Inactive"]),
    ),
    Row(
        "s41_several_vendors_each_with_its_rate",
        Affiliate,
        &["Vendors"],
        Thing("tbody tr:nth-child(2) [data-label=Commission]"),
    ),
    Row("s42_commission_a_link_has_earned", Affiliate, &["Links"], Thing("tbody [data-label=Commission]")),
];

/// Walks to each row, and says how far it was.
pub(super) fn every_row_is_three_clicks_from_home(chromium: &Chromium, base: &str) -> Result<()> {
    let mut missing = Vec::new();
    for role in [Operator, Affiliate] {
        let window = come_in(chromium, base, role)?;
        let mut stands_at: Option<&[&str]> = None;
        for &Row(name, _, way, ref sees) in ROWS.iter().filter(|row| row.1 == role) {
            ensure!(way.len() <= MAX_CLICKS, "{name} is {} clicks from home", way.len());
            // Rows of one page are neighbours: who is there already need not walk again.
            let walked = if stands_at == Some(way) { Ok(()) } else { walk(&window, way) };
            stands_at = Some(way);
            match walked.and_then(|()| look_for(&window, sees)) {
                Ok(()) => eprintln!("{name}: {role:?}, {} clicks from home", way.len()),
                Err(lack) => missing.push(format!("{name}: {role:?}: {lack:#}")),
            }
        }
    }
    ensure!(missing.is_empty(), "{} rows:\n{}", missing.len(), missing.join("\n"));
    Ok(())
}

/// From home, by what can be pressed.
fn walk(window: &Window<'_>, way: &[&str]) -> Result<()> {
    window.go("/")?;
    for &step in way {
        // A menu opens where it stands.
        if step.starts_with("Actions for") { window.press(step)? } else { window.follow(step)? }
    }
    Ok(())
}

fn look_for(window: &Window<'_>, sees: &Sees) -> Result<()> {
    match sees {
        Words(words) => {
            let text = window.text()?.to_lowercase();
            let lacking: Vec<_> = words.iter().filter(|word| !text.contains(&word.to_lowercase())).collect();
            ensure!(lacking.is_empty(), "{} does not say {lacking:?}", window.path()?);
        }
        Thing(selector) => {
            let is_there = window.ask(&format!("document.querySelector({selector:?}) !== null"))?;
            ensure!(is_there == true, "{} has no {selector}", window.path()?);
        }
        Coloured(badges) => {
            for (word, channel) in *badges {
                let colour = window.ask(&format!("{COLOUR}({word:?})"))?;
                ensure!(colour == format!("{channel:?}"), "{word} is {colour} on {}", window.path()?);
            }
        }
    }
    Ok(())
}

/// What a badge's colour is more of.
const COLOUR: &str = "((word) => {
    const badge = [...document.querySelectorAll('.badge')].find((badge) => badge.innerText.trim() === word);
    if (!badge) return 'nowhere';
    const paint = document.createElement('canvas').getContext('2d');
    paint.fillStyle = getComputedStyle(badge).color;
    paint.fillRect(0, 0, 1, 1);
    const [red, green] = paint.getImageData(0, 0, 1, 1).data;
    return red > green ? 'Red' : 'Green';
})";

#[test]
fn every_row_has_its_walk() {
    let numbers: std::collections::BTreeSet<&str> = ROWS.iter().map(|row| &row.0[..3]).collect();
    let expect: Vec<String> = (1..=42).map(|n| format!("s{n:02}")).collect();
    assert!(numbers.into_iter().eq(expect.iter().map(String::as_str)), "S1 to S42, each at least once");
}
