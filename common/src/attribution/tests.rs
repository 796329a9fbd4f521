//! Every boundary of attribution on both sides, and every tie.

use proptest::prelude::*;

use super::*;

const VENDOR: VendorId = VendorId(1);
const ORDERED: u64 = 1_795_000_000_000;
const DAY: u64 = 86_400_000;
const SKEW: u64 = 300_000;
const TERMS: Terms = Terms { window_days: 30, hold_days: 14, rule: Rule::LastClick };
const GOOD: Standings = Standings {
    vendor: VENDOR,
    affiliate: 10,
    link_active: true,
    link_expires: None,
    vendor_active: true,
    affiliate_approved: true,
    affiliate_active: true,
    partnership_active: true,
};

fn token(ts_ms: u64, seq: u64, lane: u16, link: u64) -> Click {
    let (link, lane, seq) = (LinkId(link), Lane(lane), Seq(seq));
    Click { flags: 0, ts_ms, link, visitor: 7, channel: 0, lane, seq }
}

fn click_of(ts_ms: u64, standings: Standings) -> Candidate {
    Candidate::Click { click: token(ts_ms, 1, 576, 100), standings }
}

fn good_click(ts_ms: u64, seq: u64, lane: u16, link: u64) -> Candidate {
    Candidate::Click { click: token(ts_ms, seq, lane, link), standings: GOOD }
}

fn coupon(since: u64, until: Option<u64>, standings: Standings) -> Candidate {
    Candidate::Coupon { link: LinkId(101), standings, since: Millis(since), until: until.map(Millis) }
}

fn verdicts(rule: Rule, candidates: &[Candidate]) -> Vec<Verdict> {
    attribute(VENDOR, &Terms { rule, ..TERMS }, Millis(ORDERED), candidates)
}

#[track_caller]
fn check(candidates: &[Candidate], expect: &[Verdict]) {
    assert_eq!(verdicts(Rule::LastClick, candidates), expect, "{candidates:?}");
}

#[test]
fn both_ends_belong_to_the_window() {
    for (at, expect) in [
        (ORDERED - 30 * DAY - 1, Verdict::BeforeWindow),
        (ORDERED - 30 * DAY, Verdict::Credited),
        (ORDERED, Verdict::Credited),
        (ORDERED + SKEW, Verdict::Credited),
        (ORDERED + SKEW + 1, Verdict::AfterOrder),
        (0, Verdict::BeforeWindow),
        (u64::MAX, Verdict::AfterOrder),
    ] {
        check(&[click_of(at, GOOD)], &[expect]);
    }
}

#[test]
fn the_window_is_the_vendors_and_ends_in_1970() {
    let judge = |window_days, ordered_at, at| {
        let terms = Terms { window_days, ..TERMS };
        attribute(VENDOR, &terms, Millis(ordered_at), &[click_of(at, GOOD)])
    };
    for days in [1, 7, 365] {
        let first = ORDERED - u64::from(days) * DAY;
        assert_eq!(judge(days, ORDERED, first), [Verdict::Credited], "{days}");
        assert_eq!(judge(days, ORDERED, first - 1), [Verdict::BeforeWindow], "{days}");
    }
    assert_eq!(judge(30, DAY, 0), [Verdict::Credited]);
    assert_eq!(judge(u32::MAX, ORDERED, 0), [Verdict::Credited]);
    assert_eq!(judge(30, u64::MAX, u64::MAX), [Verdict::Credited]);
}

#[test]
fn everything_a_link_hangs_on_must_hold() {
    let at = ORDERED - DAY;
    for (standings, expect) in [
        (Standings { vendor: VendorId(2), ..GOOD }, Verdict::OtherVendor),
        (Standings { link_active: false, ..GOOD }, Verdict::LinkPaused),
        (Standings { link_expires: Some(Millis(at)), ..GOOD }, Verdict::LinkExpired),
        (Standings { link_expires: Some(Millis(at + 1)), ..GOOD }, Verdict::Credited),
        (Standings { vendor_active: false, ..GOOD }, Verdict::VendorInactive),
        (Standings { affiliate_approved: false, ..GOOD }, Verdict::AffiliateNotApproved),
        (Standings { affiliate_active: false, ..GOOD }, Verdict::AffiliateInactive),
        (Standings { partnership_active: false, ..GOOD }, Verdict::PartnershipInactive),
    ] {
        check(&[click_of(at, standings)], &[expect]);
        if standings.link_expires.is_none() {
            check(&[coupon(0, None, standings)], &[expect]);
        }
    }
    let expires = |at| Standings { link_expires: Some(Millis(at)), ..GOOD };
    check(&[coupon(0, None, expires(ORDERED))], &[Verdict::LinkExpired]);
    check(&[coupon(0, None, expires(ORDERED + 1))], &[Verdict::Credited]);
}

#[test]
fn what_is_not_believed_or_known_says_so() {
    check(
        &[
            Candidate::Forged(Refused::Signature),
            Candidate::UnknownLink,
            Candidate::UnknownCoupon,
            Candidate::Forged(Refused::RetiredKey),
        ],
        &[
            Verdict::Forged(Refused::Signature),
            Verdict::UnknownLink,
            Verdict::UnknownCoupon,
            Verdict::Forged(Refused::RetiredKey),
        ],
    );
    check(&[], &[]);
}

#[test]
fn ties_of_clicks_are_broken_by_seq_lane_and_link() {
    let t = ORDERED - DAY;
    // Each click goes before the next one in exactly one thing.
    let clicks = [
        good_click(t, 5, 576, 100),
        good_click(t, 5, 576, 101),
        good_click(t, 5, 577, 100),
        good_click(t, 6, 576, 100),
        good_click(t + 1, 1, 1, 1),
    ];
    for (at, pair) in clicks.windows(2).enumerate() {
        let turned = [pair[1].clone(), pair[0].clone()];
        for (rule, first, second) in [
            (Rule::LastClick, Verdict::Later, Verdict::Credited),
            (Rule::FirstClick, Verdict::Credited, Verdict::Later),
        ] {
            assert_eq!(verdicts(rule, pair), [first, second], "{at} {rule:?}");
            assert_eq!(verdicts(rule, &turned), [second, first], "{at} {rule:?} turned");
        }
    }
    let twins = [clicks[0].clone(), clicks[0].clone()];
    for rule in [Rule::LastClick, Rule::FirstClick] {
        assert_eq!(verdicts(rule, &twins), [Verdict::Credited, Verdict::Later], "{rule:?}");
    }
}

#[test]
fn the_best_of_the_good_ones_wins() {
    let (old, newer, too_old) = (ORDERED - 9 * DAY, ORDERED - DAY, click_of(ORDERED - 30 * DAY - 1, GOOD));
    let paused = click_of(ORDERED, Standings { link_active: false, ..GOOD });
    let candidates = [click_of(old, GOOD), too_old, paused, click_of(newer, GOOD)];
    let (gone, off) = (Verdict::BeforeWindow, Verdict::LinkPaused);
    assert_eq!(verdicts(Rule::LastClick, &candidates), [Verdict::Later, gone, off, Verdict::Credited]);
    assert_eq!(verdicts(Rule::FirstClick, &candidates), [Verdict::Credited, gone, off, Verdict::Later]);
}

#[test]
fn clicks_go_before_coupons_and_small_codes_before_large_ones() {
    let click = click_of(ORDERED - DAY, GOOD);
    let late = click_of(ORDERED - 31 * DAY, GOOD);
    let good = coupon(0, None, GOOD);
    check(&[good.clone(), click.clone()], &[Verdict::BehindClick, Verdict::Credited]);
    check(&[good.clone(), late.clone()], &[Verdict::Credited, Verdict::BeforeWindow]);
    check(&[good.clone(), good.clone()], &[Verdict::Credited, Verdict::BehindCoupon]);
    check(
        &[coupon(0, Some(1), GOOD), good.clone(), good.clone(), late],
        &[Verdict::CouponNotValid, Verdict::Credited, Verdict::BehindCoupon, Verdict::BeforeWindow],
    );
    check(&[good.clone(), click, good], &[Verdict::BehindClick, Verdict::Credited, Verdict::BehindClick]);
}

#[test]
fn a_coupon_is_good_from_its_first_instant_to_before_its_last() {
    for (since, until, expect) in [
        (ORDERED, None, Verdict::Credited),
        (ORDERED + 1, None, Verdict::CouponNotValid),
        (0, Some(ORDERED + 1), Verdict::Credited),
        (0, Some(ORDERED), Verdict::CouponNotValid),
    ] {
        check(&[coupon(since, until, GOOD)], &[expect]);
    }
}

#[test]
fn codes_and_names_come_back() {
    let refused = Refused::ALL.map(Verdict::Forged);
    let codes: Vec<&str> = refused.iter().map(|verdict| verdict.code()).collect();
    for verdict in refused.into_iter().chain([Verdict::Credited, Verdict::BehindCoupon, Verdict::LinkPaused])
    {
        assert_eq!(Verdict::from_code(verdict.code()), Some(verdict));
        assert!(!verdict.to_string().is_empty());
    }
    assert_eq!(codes.iter().collect::<std::collections::BTreeSet<_>>().len(), codes.len());
    assert_eq!(Verdict::from_code("Credited"), None);
    for rule in [Rule::LastClick, Rule::FirstClick] {
        assert_eq!(Rule::from_name(rule.name()), Some(rule));
    }
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let standings = (1..3_u32, any::<[bool; 6]>(), proptest::option::of(any::<u64>())).prop_map(
        |(vendor, holds, expires)| Standings {
            vendor: VendorId(vendor),
            affiliate: 10,
            link_active: holds[0] || holds[1],
            link_expires: expires.filter(|_| holds[2]).map(Millis),
            vendor_active: true,
            affiliate_approved: holds[3] || holds[4],
            affiliate_active: true,
            partnership_active: holds[5] || holds[4],
        },
    );
    let at = prop_oneof![4 => ORDERED - 2 * DAY..ORDERED - 2 * DAY + 3, 1 => any::<u64>()];
    let of_click =
        (at, 1..3_u64, 1..3_u16, 1..3_u64, standings.clone()).prop_map(|(at, seq, lane, link, standings)| {
            Candidate::Click { click: token(at, seq, lane, link), standings }
        });
    let of_coupon = (any::<u64>(), proptest::option::of(any::<u64>()), standings)
        .prop_map(|(since, until, standings)| coupon(since, until, standings));
    let one = prop_oneof![
        6 => of_click,
        2 => of_coupon,
        1 => Just(Candidate::UnknownLink),
        1 => Just(Candidate::Forged(Refused::Length)),
        1 => Just(Candidate::UnknownCoupon),
    ];
    proptest::collection::vec(one, 0..8)
}

proptest! {
    #[test]
    fn at_most_one_is_credited_and_clicks_in_any_order_agree(
        candidates in candidates(), is_first: bool, window_days: u32, ordered_at in prop_oneof![Just(ORDERED), any::<u64>()],
    ) {
        let rule = if is_first { Rule::FirstClick } else { Rule::LastClick };
        let terms = Terms { window_days, rule, ..TERMS };
        let ordered_at = Millis(ordered_at);
        let credited = |candidates: &[Candidate]| {
            let verdicts = attribute(VENDOR, &terms, ordered_at, candidates);
            assert_eq!(verdicts.len(), candidates.len());
            let winners: Vec<_> = verdicts.iter().zip(candidates).filter(|(v, _)| **v == Verdict::Credited).collect();
            assert!(winners.len() <= 1, "{verdicts:?}");
            let is_good = |v: &Verdict| matches!(v, Verdict::Later | Verdict::BehindClick | Verdict::BehindCoupon);
            assert!(winners.len() == 1 || !verdicts.iter().any(is_good), "somebody good must win: {verdicts:?}");
            winners.first().map(|(_, candidate)| place(candidate))
        };
        // Clicks turned round; coupons keep their order, by which they are judged.
        let mut turned = candidates.clone();
        turned.sort_by_key(|candidate| place(candidate).is_none());
        let clicks = turned.iter().filter(|candidate| place(candidate).is_some()).count();
        turned[..clicks].reverse();
        prop_assert_eq!(credited(&candidates), credited(&turned));
        let all_good: Vec<_> = candidates.iter().filter(|c| objection(VENDOR, &terms, ordered_at, c).is_none()).cloned().collect();
        prop_assert_eq!(credited(&candidates), credited(&all_good));
    }
}
