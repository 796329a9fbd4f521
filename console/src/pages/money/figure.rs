//! Figures at the head of a page, each beside what it was before.

use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::State;
use axum::response::Response;
use sqlx::PgConnection;

use crate::auth::Scope;
use crate::db;
use crate::pages::format;
use crate::pages::markup::{Amount, Count};
use crate::pages::period::{Period, View};
use crate::pages::visit::Visit;
use crate::problem::Failure;
use crate::report::Span;
use crate::report::earnings::{Earnings, Money};
use crate::report::summary::{self, Summary};
use crate::server::App;

/// Where the figures of a period are without the page around them: a page that stays open asks every few seconds, and only
/// for what it shows anew.
pub(super) const LIVE: &str = "/live/figures";
/// What pages with these figures show first.
pub(super) const USUAL: Period = Period::Last(30);

#[derive(Template)]
#[template(path = "money/figures.html")]
struct LiveFigures {
    live: String,
    figures: Vec<Figure>,
}

/// Answers `/live/figures`.
pub(crate) async fn live(State(app): State<App>, visit: Visit) -> Response {
    visit.show(of_period(&app, &visit)).await
}

async fn of_period(app: &App, visit: &Visit) -> Result<LiveFigures, Failure> {
    visit.caller.require(Scope::ReportsRead)?;
    let view = View::read(&visit.query, USUAL, &[])?;
    let range = view.range(visit.now)?;
    let mut snapshot = db::tenant_snapshot(app, &visit.caller).await?;
    let both = async |conn: &mut PgConnection| {
        let span = Span::survey(conn, &range).await?;
        let earlier = Span::survey(conn, &range.previous()).await?;
        let summary = summary::of(conn, &span, visit.now).await?;
        Ok::<_, sqlx::Error>((summary, summary::of(conn, &earlier, visit.now).await?))
    };
    let (summary, before) = db::planned_once(&mut snapshot, both).await?;
    snapshot.commit().await?;
    Ok(LiveFigures { live: live_address(&view), figures: figures(&summary, &before) })
}

/// Where the figures of this view are told again.
pub(super) fn live_address(view: &View) -> String {
    view.plain().address(LIVE)
}

/// What stands in a figure: elements and digits of ours, nothing that somebody typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Count(Count),
    Amount(Amount),
    /// Millionths, as a percentage.
    Share(u64),
    /// Not known, or nothing of the kind.
    Dash,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Amount(amount) => amount.fmt(f),
            Self::Share(ppm) => f.write_str(&format::ppm(*ppm)),
            Self::Dash => f.write_str("–"),
        }
    }
}

impl HtmlSafe for Value {}

/// How a number moved: an arrow for the eye, words for the ear, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// `up`, `down` or nothing: the colour.
    pub(crate) class: &'static str,
    pub(crate) arrow: &'static str,
    pub(crate) spoken: &'static str,
    pub(crate) size: String,
}

/// Whether more of something is welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    MoreIsBetter,
    Neither,
}

impl Change {
    /// From `before` to `now`. `None` where there was nothing before.
    fn of(now: i128, before: i128, tone: Tone) -> Option<Self> {
        if before <= 0 {
            return None;
        }
        let share = (now - before) as f64 * 100.0 / before as f64;
        let (class, arrow, spoken) = match now.cmp(&before) {
            std::cmp::Ordering::Greater => ("up", "↑", "up by "),
            std::cmp::Ordering::Less => ("down", "↓", "down by "),
            std::cmp::Ordering::Equal => ("", "=", "as before, "),
        };
        let class = if tone == Tone::MoreIsBetter { class } else { "" };
        Some(Self { class, arrow, spoken, size: format!("{:.1} %", share.abs()) })
    }
}

/// One number with its name.
pub(crate) struct Figure {
    pub(crate) label: &'static str,
    /// `human` or `filtered`: the colour of its line in the chart.
    pub(crate) key: &'static str,
    /// Several where there are several currencies.
    pub(crate) values: Vec<Value>,
    pub(crate) change: Option<Change>,
    /// What it was before, or what it is of.
    pub(crate) note: &'static str,
}

impl Figure {
    fn counted(
        label: &'static str,
        key: &'static str,
        now: Option<u64>,
        before: Option<u64>,
        tone: Tone,
    ) -> Self {
        let change = now.zip(before).and_then(|(now, before)| Change::of(now.into(), before.into(), tone));
        let values = vec![now.map_or(Value::Dash, |now| Value::Count(Count(now)))];
        Self { label, key, values, change, note: "" }
    }

    fn money(label: &'static str, now: &[Money], before: &[Money], amount: fn(&Money) -> i64) -> Self {
        let values: Vec<Value> =
            Amount::each(now.iter().map(|money| (amount(money), money.currency.as_str())))
                .into_iter()
                .map(Value::Amount)
                .collect();
        // Amounts of several currencies have no sum, and so no change.
        let change = match now {
            [only] => before
                .iter()
                .find(|money| money.currency == only.currency)
                .filter(|_| before.len() == 1)
                .and_then(|before| {
                    Change::of(amount(only).into(), amount(before).into(), Tone::MoreIsBetter)
                }),
            _ => None,
        };
        Self {
            label,
            key: "",
            values: if values.is_empty() { vec![Value::Dash] } else { values },
            change,
            note: "",
        }
    }
}

/// The seven figures of a span beside those of the span before.
pub(crate) fn figures(now: &Summary, before: &Summary) -> Vec<Figure> {
    let none = Earnings::default();
    let (earned, was) = (now.earnings.as_ref().unwrap_or(&none), before.earnings.as_ref().unwrap_or(&none));
    let conversion = earned.conversion_ppm(now.human);
    let converted = conversion.zip(was.conversion_ppm(before.human));
    vec![
        Figure::counted("Human clicks", "human", Some(now.human), Some(before.human), Tone::MoreIsBetter),
        Figure::counted("Unique visits", "", now.unique.people(), before.unique.people(), Tone::MoreIsBetter),
        Figure {
            note: "bots and previews",
            ..Figure::counted(
                "Filtered",
                "filtered",
                Some(now.filtered),
                Some(before.filtered),
                Tone::Neither,
            )
        },
        Figure::counted("Orders", "", Some(earned.orders()), Some(was.orders()), Tone::MoreIsBetter),
        Figure::money("Revenue", &earned.money, &was.money, |money| money.revenue_minor),
        Figure::money("Commission", &earned.money, &was.money, |money| money.commission_minor),
        Figure {
            label: "Conversion",
            key: "",
            values: vec![conversion.map_or(Value::Dash, Value::Share)],
            change: converted
                .and_then(|(now, before)| Change::of(now.into(), before.into(), Tone::MoreIsBetter)),
            note: "orders of clicks",
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_have_words_and_nothing_has_none() {
        let change = |now, before| {
            Change::of(now, before, Tone::MoreIsBetter)
                .map(|change| (change.class, change.spoken, change.size))
        };
        assert_eq!(change(150, 100), Some(("up", "up by ", "50.0 %".to_owned())));
        assert_eq!(change(1, 3), Some(("down", "down by ", "66.7 %".to_owned())));
        assert_eq!(change(3, 3), Some(("", "as before, ", "0.0 %".to_owned())));
        assert_eq!(change(3, 0), None, "there is nothing to compare with");
    }

    #[test]
    fn several_currencies_are_never_added_up() {
        let money = |currency: &str, revenue_minor| Money {
            currency: currency.to_owned(),
            orders: 1,
            revenue_minor,
            commission_minor: 0,
        };
        let (now, before) = ([money("EUR", 200), money("SEK", 5)], [money("EUR", 100)]);
        let both = Figure::money("Revenue", &now, &before, |money| money.revenue_minor);
        assert_eq!((both.values.len(), both.change), (2, None));
        let one = Figure::money("Revenue", &now[..1], &before, |money| money.revenue_minor);
        assert_eq!(one.change.map(|change| change.size).as_deref(), Some("100.0 %"));
        let none = Figure::money("Revenue", &[], &before, |money| money.revenue_minor);
        assert_eq!(none.values, [Value::Dash]);
    }
}
