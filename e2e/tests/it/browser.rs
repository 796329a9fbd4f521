//! The console as people use it: in a real browser, by every role, on a wide window and on a phone, by day and by night.
//!
//! Every run walks to every row of the features and makes the main journey; all pages in all looks, and what people typed on
//! each of them, take minutes and belong to the night.

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

#[test]
fn every_row_is_three_clicks_from_its_home() -> Result<()> {
    let Some(chromium) = Chromium::start()? else { return Ok(()) };
    let house = House::open_demo_at_rest()?;
    rows::every_row_is_three_clicks_from_home(&chromium, &console(&house)?)
}

#[tokio::test]
#[ignore = "minutes: every page of every role, and again with payloads in every field; nightly"]
async fn every_page_is_sound_and_what_people_typed_stays_text() -> Result<()> {
    let Some(chromium) = Chromium::start()? else { return Ok(()) };
    let house = House::open_demo_at_rest()?;
    sweep::every_page_is_sound(&chromium, &console(&house)?, Thoroughness::OneLook)?;
    house.audit()?;
    payloads::what_people_typed_stays_text(&chromium, &house).await
}

#[test]
#[ignore = "many minutes: every page in every look, several of each kind; nightly"]
fn every_page_is_sound_in_every_look() -> Result<()> {
    let Some(chromium) = Chromium::start()? else { return Ok(()) };
    let house = House::open_demo_at_rest()?;
    sweep::every_page_is_sound(&chromium, &console(&house)?, Thoroughness::EveryLook)
}
