//! Whose pages are looked at, and how they come in.

use anyhow::Result;

use super::chromium::Chromium;
use super::window::Window;
use crate::house::House;

/// Somebody who uses the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Operator,
    Vendor,
    Affiliate,
    /// Not signed in.
    Nobody,
}

impl Role {
    pub(super) const ALL: [Self; 4] = [Self::Operator, Self::Vendor, Self::Affiliate, Self::Nobody];

    /// The pages where this role begins: home, and those that no page leads to but a mail, or a mistake.
    pub(super) fn begins(self) -> &'static [&'static str] {
        match self {
            Self::Operator => &["/", "/mails", "/sign-in/again", "/no-such-page"],
            Self::Vendor => &["/"],
            Self::Affiliate => &["/", "/team"],
            Self::Nobody => &[
                "/sign-in",
                "/apply/sent",
                "/set-password?token=made-up",
                "/verify-email?token=made-up",
                "/join?token=made-up",
            ],
        }
    }

    /// The demo's button that signs in as this role.
    fn button(self) -> Option<&'static str> {
        match self {
            Self::Operator => Some("Operator"),
            Self::Vendor => Some("Vendor"),
            Self::Affiliate => Some("Affiliate"),
            Self::Nobody => None,
        }
    }
}

/// Opens a window in which somebody has signed in by the demo's button for the role.
pub(super) fn come_in<'a>(chromium: &'a Chromium, base: &str, role: Role) -> Result<Window<'a>> {
    let window = chromium.window(base)?;
    window.go("/sign-in")?;
    if let Some(button) = role.button() {
        window.follow(button)?;
    }
    Ok(window)
}

/// Signs in on the form.
pub(super) fn sign_in(window: &Window<'_>, email: &str, password: &str) -> Result<()> {
    window.go("/sign-in")?;
    window.fill("email", email)?;
    window.fill("password", password)?;
    window.follow("Sign in")
}

/// What the console's addresses begin with.
pub(super) fn console(house: &House) -> Result<String> {
    Ok(format!("http://{}", house.address("console", "listen")?))
}
