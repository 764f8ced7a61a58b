//! The explanation of an introspected token.

use super::explanation::{of_claims_type, of_rule};
use super::snapshot::Snapshot;
use super::step::Step;
use crate::AccessToken;
use crate::redact::quoted;
use crate::token::NumericDate;
use crate::validation::introspection::Answer;
use crate::validation::{IntrospectedToken, Stage, TokenError, TrustedIssuer, VerifyError};

impl Snapshot {
    /// The verdict on a token that its issuer is asked about, and the steps to it. The issuer is asked anew, and nothing is remembered.
    /// `None` for every other token.
    pub(super) async fn explain_introspected(
        &self,
        token: &str,
    ) -> Option<(Result<AccessToken, VerifyError>, Vec<Step>)> {
        let validator = &self.0.validator;
        let (issuer, introspector) = validator.to_be_asked_about(token)?;
        let mut steps = vec![Step {
            name: "form",
            source: "RFC 7662",
            expected: "an opaque token, or a JWT of an issuer that is asked about it".to_owned(),
            found: format!("one for {}", quoted(Some(issuer.policy.issuer.name()))),
            holds: true,
        }];
        let answer = introspector.answer_anew(token).await;
        steps.push(Step {
            name: "answer",
            source: "RFC 7662 §2.2",
            expected: "a JSON object from the introspection endpoint".to_owned(),
            found: answer.as_ref().err().map_or("one".to_owned(), |_| "none: the log has the reason".to_owned()),
            holds: answer.is_ok(),
        });
        let Answer { active, body, asked_at } = match answer {
            Ok(answer) => answer,
            Err(error) => return Some((Err(error), steps)),
        };
        steps.push(Step {
            name: "active",
            source: "RFC 7662 §2.2",
            expected: "true".to_owned(),
            found: if active { "true" } else { "something else, or nothing" }.to_owned(),
            holds: active,
        });
        if !active {
            return Some((Err(TokenError::Inactive.into()), steps));
        }
        steps.extend(of_claims(&body, issuer, validator.clock().now().into()));
        steps.extend(self.claims_extension().map(|claims| of_claims_type(claims, &body)));
        let verdict = issuer.validate_answer(&body, asked_at.wall, &validator.context).map_err(VerifyError::from);
        Some((verdict, steps))
    }
}

/// The steps about the claims in an answer.
fn of_claims(answer: &[u8], issuer: &TrustedIssuer, now: NumericDate) -> Vec<Step> {
    let token = match IntrospectedToken::parse(answer, &issuer.policy) {
        Ok(token) => token,
        Err(error) => {
            return vec![Step {
                name: "payload",
                source: "RFC 7662 §2.2",
                expected: "claims of the right types".to_owned(),
                found: error.to_string(),
                holds: false,
            }];
        }
    };
    let facts = token.facts(&issuer.policy, now);
    let stages = [Stage::BeforeSignature, Stage::AfterSignature];
    stages.into_iter().flat_map(|stage| stage.rules(&facts)).map(|rule| of_rule(rule, &facts)).collect()
}
