//! The states of a partnership, and the steps between them.
//!
//! `pending → approved | rejected`, `approved → active`, `active ⇄ inactive`. A refusal may be taken back by approving a
//! new request; nothing else leads out of `rejected`.

use crate::conventions::illegal_state;
use crate::problem::Failure;

/// What may be done to a partnership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Says yes to what was asked for.
    Approve,
    /// Says no.
    Reject,
    /// Lets links be tracked.
    Activate,
    /// Stops that, for the time being.
    Deactivate,
}

impl Step {
    /// Every step.
    #[cfg(test)]
    const ALL: [Self; 4] = [Self::Approve, Self::Reject, Self::Activate, Self::Deactivate];

    /// The state it leads to.
    pub(super) fn to(self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Reject => "rejected",
            Self::Activate => "active",
            Self::Deactivate => "inactive",
        }
    }

    /// The deed, as records name it.
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::Approve => "partnership.approve",
            Self::Reject => "partnership.reject",
            Self::Activate => "partnership.activate",
            Self::Deactivate => "partnership.deactivate",
        }
    }

    /// Refuses a step that the state does not allow.
    pub(super) fn check(self, from: &str) -> Result<(), Failure> {
        match (self, from) {
            (Self::Approve | Self::Reject, "pending")
            | (Self::Activate, "approved" | "inactive")
            | (Self::Deactivate, "active") => Ok(()),
            _ => Err(illegal_state("partnership", from, self.to())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_from_every_state() {
        for (from, allowed) in [
            ("pending", &[Step::Approve, Step::Reject][..]),
            ("approved", &[Step::Activate]),
            ("rejected", &[]),
            ("active", &[Step::Deactivate]),
            ("inactive", &[Step::Activate]),
        ] {
            for step in Step::ALL {
                assert_eq!(step.check(from).is_ok(), allowed.contains(&step), "{from} {step:?}");
            }
        }
    }
}
