//! Affiliates as programs read them: all of it for operators and for themselves, what is public for vendors.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::bank::{self, BankAccountAnswer};
use super::figures::{Figures, FiguresAnswer};
use super::list::PATH;
use super::profile::Profile;
use crate::api::answer::rfc3339;
use crate::auth::Tenant;
use crate::conventions::Object;

/// Who looks at an affiliate, and so how much there is to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Operators, and affiliates themselves.
    Whole,
    /// Vendors: no address, no phone, nothing of what the programme decided and why.
    Partner,
}

impl View {
    pub(super) fn of(tenant: Tenant) -> Self {
        match tenant {
            Tenant::Programme | Tenant::Affiliate(_) => Self::Whole,
            Tenant::Vendor(_) => Self::Partner,
        }
    }
}

/// An affiliate as it is stored.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "fields are called as their columns are")]
pub(crate) struct Affiliate {
    pub(crate) affiliate_id: i64,
    pub(crate) public_id: String,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) is_active: bool,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) website: Option<String>,
    pub(crate) instagram: Option<String>,
    pub(crate) twitter: Option<String>,
    pub(crate) facebook: Option<String>,
    pub(crate) rejection_reason: Option<String>,
    pub(crate) approved_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    /// `None` where it is not shown.
    pub(crate) row_version: Option<i64>,
}

/// These affiliates, in no order. What the transaction may not see is left out.
pub(crate) async fn read(conn: &mut PgConnection, view: View, ids: &[i64]) -> sqlx::Result<Vec<Affiliate>> {
    match view {
        View::Whole => sqlx::query_file_as!(Affiliate, "src/affiliates/whole.sql", ids).fetch_all(conn).await,
        View::Partner => {
            sqlx::query_file_as!(Affiliate, "src/affiliates/partner.sql", ids).fetch_all(conn).await
        }
    }
}

/// One affiliate, to be changed: nobody else changes it before this transaction ends.
pub(super) async fn lock(conn: &mut PgConnection, affiliate_id: i64) -> sqlx::Result<Option<Affiliate>> {
    sqlx::query!(
        "select affiliate_id from affiliate where affiliate_id = $1 for no key update",
        affiliate_id
    )
    .fetch_optional(&mut *conn)
    .await?;
    Ok(read(conn, View::Whole, &[affiliate_id]).await?.pop())
}

impl Affiliate {
    /// What the affiliate told.
    pub(crate) fn profile(&self) -> Profile {
        Profile {
            name: self.name.clone(),
            phone: self.phone.clone(),
            country: self.country.clone(),
            bio: self.bio.clone(),
            website: self.website.clone(),
            instagram: self.instagram.clone(),
            twitter: self.twitter.clone(),
            facebook: self.facebook.clone(),
        }
    }

    /// The version that changes are made against.
    pub(crate) fn version(&self) -> i64 {
        self.row_version.unwrap_or_default()
    }
}

/// Names on other platforms.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SocialMediaAnswer {
    pub(crate) instagram: Option<String>,
    pub(crate) twitter: Option<String>,
    pub(crate) facebook: Option<String>,
}

/// What only operators and affiliates themselves see.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AffiliatePrivate)]
pub(crate) struct Private {
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) rejection_reason: Option<String>,
    pub(crate) approved_at: Option<String>,
}

/// One affiliate.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AffiliateAnswer {
    #[schema(example = "affiliate")]
    pub(crate) object: &'static str,
    pub(crate) affiliate_id: String,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) is_active: bool,
    /// `Active` or `Suspended`: what lists show in green and red.
    pub(crate) member_status: &'static str,
    pub(crate) country: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) website: Option<String>,
    pub(crate) social_media: SocialMediaAnswer,
    pub(crate) signed_up_at: String,
    #[serde(flatten)]
    pub(crate) private: Option<Private>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) figures: Option<FiguresAnswer>,
    #[serde(skip_serializing_if = "Paid::is_not_shown")]
    #[schema(value_type = Option<BankAccountAnswer>)]
    pub(crate) bank_account: Paid,
    #[serde(skip)]
    pub(crate) row_version: Option<i64>,
}

impl Object for AffiliateAnswer {
    fn row_version(&self) -> Option<i64> {
        self.row_version
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.affiliate_id)
    }
}

/// Where an affiliate is paid, as far as an answer says it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Paid {
    NotShown,
    /// Nowhere yet: `null`.
    Nowhere,
    To(BankAccountAnswer),
}

impl Paid {
    fn is_not_shown(&self) -> bool {
        matches!(self, Self::NotShown)
    }
}

impl AffiliateAnswer {
    pub(super) fn new(affiliate: Affiliate, view: View) -> Self {
        let private = (view == View::Whole).then(|| Private {
            email: affiliate.email,
            phone: affiliate.phone,
            rejection_reason: affiliate.rejection_reason,
            approved_at: affiliate.approved_at.map(rfc3339),
        });
        Self {
            object: "affiliate",
            affiliate_id: affiliate.public_id,
            username: affiliate.username,
            name: affiliate.name,
            status: affiliate.status,
            is_active: affiliate.is_active,
            member_status: if affiliate.is_active { "Active" } else { "Suspended" },
            country: affiliate.country,
            bio: affiliate.bio,
            website: affiliate.website,
            social_media: SocialMediaAnswer {
                instagram: affiliate.instagram,
                twitter: affiliate.twitter,
                facebook: affiliate.facebook,
            },
            signed_up_at: rfc3339(affiliate.created_at),
            private,
            figures: None,
            bank_account: Paid::NotShown,
            row_version: affiliate.row_version,
        }
    }

    /// The same with figures of a span.
    pub(super) fn with_figures(self, figures: &Figures) -> Self {
        Self { figures: Some(FiguresAnswer::new(figures)), ..self }
    }

    /// The same with where it is paid, the number masked. `null`: nowhere yet.
    pub(super) fn with_bank_account(self, account: Option<bank::BankAccount>) -> Self {
        let bank_account =
            account.map_or(Paid::Nowhere, |account| Paid::To(BankAccountAnswer::masked(account)));
        Self { bank_account, ..self }
    }
}
