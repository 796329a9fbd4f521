//! The console as people use it: in a real browser, by every role, on a wide window and on a phone, by day and by night.
//!
//! A browser and a demo each take seconds to start, so what is asked of the demo's pages is asked in one test.

mod chromium;
mod journey;
mod payloads;
mod roles;
mod rows;
mod sweep;
mod window;

use anyhow::Result;

use self::chromium::Chromium;
use self::roles::console;
use self::sweep::Thoroughness;
use crate::house::House;

#[tokio::test]
async fn the_demos_pages_are_sound_near_and_safe() -> Result<()> {
    let Some(chromium) = Chromium::start()? else { return Ok(()) };
    let house = House::open_demo_at_rest()?;
    rows::every_row_is_three_clicks_from_home(&chromium, &console(&house)?)?;
    sweep::every_page_is_sound(&chromium, &console(&house)?, Thoroughness::OneLook)?;
    house.audit()?;
    payloads::what_people_typed_stays_text(&chromium, &house).await
}

#[test]
#[ignore = "minutes: every page in every look, several of each kind; nightly, see CONTRIBUTING"]
fn every_page_is_sound_in_every_look() -> Result<()> {
    let Some(chromium) = Chromium::start()? else { return Ok(()) };
    let house = House::open_demo_at_rest()?;
    sweep::every_page_is_sound(&chromium, &console(&house)?, Thoroughness::EveryLook)
}
