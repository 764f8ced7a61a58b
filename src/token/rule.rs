use std::fmt::{self, Display};
use std::time::SystemTime;

use super::dialect::Mark;
use super::error::TokenError;
use super::numeric_date::NumericDate;
use super::recipient::Recipient;
use super::validator::{Candidate, Policy, Profile, Subjects};
use crate::jose::{Algorithm, Strings};
use crate::redact::quoted;

/// A rule that a token is judged by, beside those about its form and about its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Issuer,
    Algorithm,
    Type,
    Kind,
    Mark,
    Profile,
    Scope,
    Binding,
    Subject,
    Audience,
    Expiry,
    NotBefore,
    IssuedAt,
    Tenants,
    Subjects,
    Clients,
}

/// When a rule is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the signature is verified. What the rule asks for is public: strangers can find it out.
    Unsigned,
    /// After the signature is verified. The rule is a secret list. An earlier check would reveal it: a token of somebody who is
    /// not listed would be refused at once, where one of somebody who is waits for keys.
    Signed,
}

impl Rule {
    /// In the order in which a token is judged: the first that does not hold is why it is refused.
    pub(crate) const ALL: [Self; 16] = [
        Self::Issuer,
        Self::Algorithm,
        Self::Type,
        Self::Kind,
        Self::Mark,
        Self::Profile,
        Self::Scope,
        Self::Binding,
        Self::Subject,
        Self::Audience,
        Self::Expiry,
        Self::NotBefore,
        Self::IssuedAt,
        Self::Tenants,
        Self::Subjects,
        Self::Clients,
    ];

    pub(crate) fn of(stage: Stage) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |rule| rule.stage() == stage)
    }

    const fn stage(self) -> Stage {
        match self {
            Self::Tenants | Self::Subjects | Self::Clients => Stage::Signed,
            Self::Issuer
            | Self::Algorithm
            | Self::Type
            | Self::Kind
            | Self::Mark
            | Self::Profile
            | Self::Scope
            | Self::Binding
            | Self::Subject
            | Self::Audience
            | Self::Expiry
            | Self::NotBefore
            | Self::IssuedAt => Stage::Unsigned,
        }
    }

    /// Whether the rule holds for the token.
    pub(crate) fn check(self, token: &Candidate<'_>, policy: &Policy, now: NumericDate) -> Result<(), TokenError> {
        match self {
            Self::Issuer => token.issuer_matches(policy),
            Self::Algorithm => token.algorithm_is_allowed(policy),
            Self::Type => token.type_is_access_token(policy),
            Self::Kind => token.is_no_other_kind_of_token(),
            Self::Mark => token.has_the_providers_mark(policy),
            Self::Profile => token.has_profile_claims(policy),
            Self::Scope => token.scope_is_well_formed(policy),
            Self::Binding => token.is_not_bound(),
            Self::Subject => token.names_its_subject(),
            Self::Audience => token.audience_matches(policy),
            Self::Expiry => token.has_not_expired(policy, now),
            Self::NotBefore => token.is_valid_already(policy, now),
            Self::IssuedAt => token.was_issued_in_the_past(policy, now),
            Self::Tenants => token.tenant_is_listed(policy),
            Self::Subjects => token.subject_is_let_in(policy),
            Self::Clients => token.client_is_listed(policy),
        }
    }

    /// Whether the policy asks for anything by this rule.
    pub(crate) fn applies(self, policy: &Policy) -> bool {
        match self {
            Self::Mark => policy.dialect.mark != Mark::None,
            Self::Tenants => policy.issuer.are_listed(),
            Self::Subjects => matches!(policy.subjects, Subjects::These(_)),
            Self::Clients => matches!(policy.recipient, Recipient::Client { .. }),
            Self::Profile => policy.profile != Profile::Generic,
            _ => true,
        }
    }

    /// What the rule is about: a header parameter, a claim, or a word for several.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Issuer => "iss",
            Self::Algorithm => "alg",
            Self::Type => "typ",
            Self::Kind => "kind",
            Self::Mark => "provider",
            Self::Profile => "profile",
            Self::Scope => "scope",
            Self::Binding => "cnf",
            Self::Subject => "sub",
            Self::Audience => "aud",
            Self::Expiry => "exp",
            Self::NotBefore => "nbf",
            Self::IssuedAt => "iat",
            Self::Tenants => "tenants",
            Self::Subjects => "subjects",
            Self::Clients => "clients",
        }
    }

    /// Where the rule comes from.
    pub(crate) const fn source(self) -> &'static str {
        match self {
            Self::Issuer | Self::Audience | Self::Tenants => "RFC 9068 §4",
            Self::Algorithm => "RFC 8725 §3.1",
            Self::Type => "RFC 9068 §4, RFC 8725 §3.11",
            Self::Kind | Self::Mark => "RFC 8725 §3.12",
            Self::Binding => "RFC 7800 §3.1",
            Self::Subject | Self::Profile => "RFC 9068 §2.2",
            Self::Subjects => "RFC 8725 §3.8",
            Self::Clients => "RFC 8725 §3.9",
            Self::Expiry => "RFC 7519 §4.1.4",
            Self::NotBefore => "RFC 7519 §4.1.5",
            Self::IssuedAt => "RFC 7519 §4.1.6",
            Self::Scope => "RFC 9068 §2.2.3",
        }
    }

    /// What the rule asks for, in words for a developer.
    pub(crate) fn expected(self, policy: &Policy, now: NumericDate) -> String {
        let leeway = policy.leeway.as_secs_f64();
        match self {
            Self::Issuer if policy.issuer.are_listed() => {
                format!("{} of any tenant, and the tenant in tid", quoted(Some(policy.issuer.name())))
            }
            Self::Issuer if policy.issuer.have_tenants() => {
                format!("{}, and its tenant in tid", list(policy.issuer.iter()))
            }
            Self::Issuer | Self::Tenants => list(policy.issuer.iter()),
            Self::Algorithm => {
                list(Algorithm::ALL.iter().copied().filter(|it| policy.algorithms.contains(*it)).map(Algorithm::name))
            }
            Self::Type => match policy.profile {
                Profile::Rfc9068 => "at+jwt".to_owned(),
                Profile::Generic => "at+jwt, JWT or none".to_owned(),
            },
            Self::Kind => "no mark of an ID, refresh, logout or other token".to_owned(),
            Self::Mark => match policy.dialect.mark {
                Mark::None => "nothing".to_owned(),
                Mark::TokenUse => "token_use \"access\"".to_owned(),
                Mark::Bearer => "typ \"Bearer\" in the payload".to_owned(),
                Mark::Client => policy.dialect.client.name().to_owned(),
                Mark::Id => "jti".to_owned(),
            },
            Self::Binding => "none".to_owned(),
            Self::Subject => "any".to_owned(),
            Self::Subjects => match &policy.subjects {
                Subjects::Any => "any".to_owned(),
                Subjects::These(these) => format!("one of {}", these.len()),
            },
            Self::Profile => "client_id, jti and iat".to_owned(),
            Self::Audience => match &policy.recipient {
                Recipient::Audience(audiences) => list(audiences.iter().map(|it| &**it)),
                Recipient::Client { audiences, .. } => format!(
                    "a client, and {} {}",
                    if policy.profile == Profile::Generic { "if there is an aud," } else { "in aud" },
                    list(audiences.iter().map(|it| &**it))
                ),
            },
            Self::Clients => match &policy.recipient {
                Recipient::Audience(_) => "any".to_owned(),
                Recipient::Client { clients, .. } => format!("one of {}", list(clients.iter().map(|it| &**it))),
            },
            Self::Expiry => format!("later than {leeway} s before {}", Date(now)),
            Self::NotBefore | Self::IssuedAt => format!("none, or no later than {leeway} s after {}", Date(now)),
            Self::Scope => match policy.profile {
                Profile::Rfc9068 => "none, or a string in scope".to_owned(),
                Profile::Generic => "none, or a string or strings, in the first of scope, scp and scopes".to_owned(),
            },
        }
    }

    /// What there is in the token instead. The subject is not told: it may be a person's.
    pub(crate) fn found(self, token: &Candidate<'_>, policy: &Policy, now: NumericDate) -> String {
        let (header, claims) = (token.jws.header(), &token.claims);
        let presence = |is_there| if is_there { "one" } else { "none" }.to_owned();
        let date = |date: Option<NumericDate>| date.map_or("none".to_owned(), |date| relative(date, now));
        match self {
            Self::Issuer if policy.issuer.have_tenants() => {
                format!("{}, tid {}", quoted(claims.iss.as_deref()), quoted(claims.tenant()))
            }
            Self::Issuer | Self::Tenants => quoted(claims.iss.as_deref()),
            Self::Algorithm => header.algorithm.to_string(),
            Self::Type => quoted(header.typ.as_deref()),
            Self::Kind => match self.check(token, policy, now) {
                Err(TokenError::NotAnAccessToken { claim: "token_use" }) => {
                    format!("token_use {}", quoted(claims.token_use.as_deref()))
                }
                Err(TokenError::NotAnAccessToken { claim: "typ" }) => format!("typ {}", quoted(claims.typ.as_deref())),
                Err(TokenError::NotAnAccessToken { claim }) => claim.to_owned(),
                _ => "none".to_owned(),
            },
            Self::Mark => match policy.dialect.mark {
                Mark::None => "nothing".to_owned(),
                Mark::TokenUse => quoted(claims.token_use.as_deref()),
                Mark::Bearer => quoted(claims.typ.as_deref()),
                Mark::Client => quoted(claims.client(policy.dialect.client)),
                Mark::Id => presence(claims.jti.as_deref().is_some_and(|id| !id.is_empty())),
            },
            Self::Binding => presence(claims.has_cnf),
            Self::Subject => presence(self.check(token, policy, now).is_ok()),
            Self::Subjects => if self.check(token, policy, now).is_ok() { "one of them" } else { "another" }.to_owned(),
            Self::Profile => {
                let client = claims.client_id.as_deref().filter(|client| !client.is_empty()).map(|_| "client_id");
                let id = claims.jti.as_deref().filter(|id| !id.is_empty()).map(|_| "jti");
                list([client, id, claims.iat.map(|_| "iat")].into_iter().flatten())
            }
            Self::Audience => {
                let aud = strings(claims.aud.as_ref());
                match &policy.recipient {
                    Recipient::Audience(_) => aud,
                    Recipient::Client { .. } => {
                        format!("the client {}, aud {aud}", quoted(claims.client(policy.dialect.client)))
                    }
                }
            }
            Self::Clients => quoted(claims.client(policy.dialect.client)),
            Self::Expiry => date(claims.exp),
            Self::NotBefore => date(claims.nbf),
            Self::IssuedAt => date(claims.iat),
            Self::Scope => match token.scope_claim(policy) {
                (_, None) => "none".to_owned(),
                (name, value) => format!("{} in {name}", strings(value)),
            },
        }
    }
}

/// The most texts of a list that an explanation shows.
const MAX_LISTED: usize = 200;

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut shown: Vec<String> = texts.take(MAX_LISTED).map(|it| quoted(Some(it))).collect();
    match shown.len() {
        0 => "none".to_owned(),
        1 => shown.remove(0),
        _ => format!("[{}]", shown.join(", ")),
    }
}

fn strings(strings: Option<&Strings<'_>>) -> String {
    match strings {
        None => "none".to_owned(),
        Some(Strings::Other) => "neither a string nor strings".to_owned(),
        Some(Strings::One(one)) => quoted(Some(one)),
        Some(Strings::Many(many)) if many.is_empty() => "[]".to_owned(),
        Some(Strings::Many(many)) => list(many.iter().map(|it| &**it)),
    }
}

fn relative(date: NumericDate, now: NumericDate) -> String {
    let ahead = date.seconds() - now.seconds();
    let distance = if ahead < 0.0 { format!("{:.0} s ago", -ahead) } else { format!("in {ahead:.0} s") };
    format!("{} ({distance})", Date(date))
}

/// A date as people read it, if it is in a year of four digits.
struct Date(NumericDate);

impl Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// 9999-12-31T23:59:59Z.
        const LAST: f64 = 253_402_300_799.0;
        if (0.0..LAST).contains(&self.0.seconds()) {
            f.write_str(&httpdate::fmt_http_date(SystemTime::from(self.0)))
        } else {
            self.0.fmt(f)
        }
    }
}
