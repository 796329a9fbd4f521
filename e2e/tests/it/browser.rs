//! The console as people use it: in a real browser, by every role, on a wide window and on a phone, by day and by night.
//!
//! Every run walks to every row of the features and makes the main journey. All pages in all looks, and what people typed on
//! each of them, take minutes and belong to the night.

mod chromium;
mod journey;
mod payloads;
mod roles;
mod rows;
mod sweep;
mod window;

use anyhow::{Result, bail};

use self::chromium::Chromium;
use self::roles::console;
use self::sweep::Thoroughness;
use crate::house::House;

/// How much of the pages is looked at: nothing beyond the walks, every page in one look and with payloads, or every page in
/// every look. `script/nightly` sets it.
const LOOKS: &str = "LINKLEDGER_LOOKS";

fn asked_looks() -> Result<Option<Thoroughness>> {
    #[expect(clippy::disallowed_methods, reason = "a test has no Args to read its length from")]
    let asked = std::env::var(LOOKS).ok();
    match asked.as_deref() {
        None => Ok(None),
        Some("one") => Ok(Some(Thoroughness::OneLook)),
        Some("every") => Ok(Some(Thoroughness::EveryLook)),
        Some(other) => bail!("{LOOKS} is one or every, not {other:?}"),
    }
}

#[tokio::test]
async fn the_demos_pages_are_near_and_at_night_sound_and_safe() -> Result<()> {
    let Some(chromium) = Chromium::start()? else { return Ok(()) };
    let house = House::open_demo_at_rest()?;
    rows::every_row_is_three_clicks_from_home(&chromium, &console(&house)?)?;
    let Some(thoroughness) = asked_looks()? else {
        eprintln!("pages themselves are looked at in the night: {LOOKS}=one");
        return Ok(());
    };
    sweep::every_page_is_sound(&chromium, &console(&house)?, thoroughness)?;
    house.audit()?;
    payloads::what_people_typed_stays_text(&chromium, &house).await
}
