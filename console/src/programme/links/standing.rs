//! Whether an affiliate may have links to a vendor: approved, active, in an active partnership with an active vendor.

use sqlx::PgConnection;

use crate::problem::Failure;

/// How an affiliate stands with a vendor.
#[derive(Debug, Clone)]
pub(in crate::programme) struct Standing {
    affiliate_status: String,
    affiliate_is_active: bool,
    vendor_is_active: bool,
    /// `None`: there is no partnership.
    partnership: Option<String>,
}

impl Standing {
    /// As it is now, as far as the caller sees both.
    pub(in crate::programme) async fn of(
        conn: &mut PgConnection,
        vendor_id: i64,
        affiliate_id: i64,
    ) -> Result<Self, Failure> {
        let found = sqlx::query_as!(
            Self,
            "select a.status as affiliate_status, a.is_active as affiliate_is_active, v.is_active as vendor_is_active, \
             p.status as \"partnership?\" from affiliate a cross join vendor v \
             left join partnership p on p.vendor_id = v.vendor_id and p.affiliate_id = a.affiliate_id \
             where a.affiliate_id = $2 and v.vendor_id = $1",
            vendor_id,
            affiliate_id
        );
        let found = found.fetch_optional(conn).await?;
        found.ok_or_else(|| Failure::Missing("no_such_affiliate", "there is no such affiliate".to_owned()))
    }

    /// Refuses whoever may not promote anything, and a vendor that is switched off.
    pub(in crate::programme) fn check_affiliate(&self) -> Result<(), Failure> {
        if self.affiliate_status != "approved" {
            let words = format!("the affiliate is {}; it must be approved first", self.affiliate_status);
            return Err(Failure::Conflict("affiliate_not_approved", words));
        }
        if !self.affiliate_is_active {
            return Err(Failure::Conflict("affiliate_suspended", "the affiliate is suspended".to_owned()));
        }
        if !self.vendor_is_active {
            return Err(Failure::Conflict("vendor_inactive", "the vendor is switched off".to_owned()));
        }
        Ok(())
    }

    /// Refuses without an active partnership.
    pub(in crate::programme) fn check_partnership(&self) -> Result<(), Failure> {
        match self.partnership.as_deref() {
            Some("active") => Ok(()),
            Some(status) => {
                let words = format!("the partnership with this vendor is {status}; it must be active");
                Err(Failure::Conflict("partnership_not_active", words))
            }
            None => {
                let words = "there is no partnership with this vendor: ask for one with POST /v1/requests";
                Err(Failure::Conflict("no_partnership", words.to_owned()))
            }
        }
    }

    /// Whether there is an active partnership.
    pub(in crate::programme) fn is_partner(&self) -> bool {
        self.partnership.as_deref() == Some("active")
    }
}
