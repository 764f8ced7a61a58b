//! The steps of an explanation that concern what a bound token needs.

use super::request_checks::RequestChecks;
use super::step::Step;
use crate::AccessToken;
use crate::binding::dpop::{ProofError, ProofFacts, ProofVerifier, RULES, Rule};
use crate::clock::Clock;
use crate::credentials::{Presented, RequestView, Scheme};
use crate::token::ProofBinding;
use crate::validation::{TokenError, VerifyError};

impl RequestChecks {
    /// What a valid token needs of the request that it came with. `error` is why the [check](Self::check) failed, if it did.
    pub(super) fn steps(
        &self,
        token: &AccessToken,
        presented: &Presented<'_>,
        request: RequestView<'_>,
        clock: &dyn Clock,
        error: Option<&VerifyError>,
    ) -> Vec<Step> {
        if let Some(step) = error.and_then(of_binding) {
            return vec![step];
        }
        let mut steps: Vec<_> = self.certificate_step(token, Some(request), error).into_iter().collect();
        if let (Some(verifier), Scheme::Dpop) = (&self.dpop, presented.scheme)
            && let Some(binding) = token.proof_binding(&presented.token)
        {
            steps.extend(of_proof(verifier, binding, request, clock, error));
        }
        steps
    }

    /// What a valid token lacks without a request.
    pub(super) fn step_alone(&self, token: &AccessToken, error: &VerifyError) -> Option<Step> {
        of_binding(error).or_else(|| self.certificate_step(token, None, Some(error)))
    }
}

/// The step about the proof that a token needs and does not have.
fn of_binding(error: &VerifyError) -> Option<Step> {
    let (expected, found) = match error {
        VerifyError::Token(TokenError::BoundWithoutProof) => {
            ("a proof and the scheme DPoP in Authorization, because the token is bound to a key", "the token alone")
        }
        VerifyError::Token(TokenError::NotBound) => ("a token that is bound to a key", "one that is not"),
        _ => return None,
    };
    Some(Step {
        name: "proof",
        source: "RFC 9449 §7",
        expected: expected.to_owned(),
        found: found.to_owned(),
        holds: false,
    })
}

fn of_proof(
    verifier: &ProofVerifier,
    binding: ProofBinding<'_>,
    request: RequestView<'_>,
    clock: &dyn Clock,
    error: Option<&VerifyError>,
) -> Vec<Step> {
    let compared = verifier.compare(request, clock);
    let form = Step {
        name: "proof",
        source: "RFC 9449 §4.3",
        expected: "one DPoP header with a JWT of the form of a proof".to_owned(),
        found: compared.as_ref().err().map_or_else(|| "as expected".to_owned(), ProofError::to_string),
        holds: compared.is_ok(),
    };
    let Ok(compared) = compared else { return vec![form] };
    let facts = verifier.facts(&compared, binding);
    let mut steps = vec![form];
    steps.extend(RULES.iter().filter(|rule| (rule.applies)(&facts)).map(|rule| of_rule(rule, &facts)));
    let headers = verifier.headers_that_match(request, &compared);
    if let Some(htu) = steps.iter_mut().find(|step| step.name == "htu").filter(|_| !headers.is_empty()) {
        let found = std::mem::take(&mut htu.found);
        htu.found = format!("{found}, which {} of this request would have resulted in", headers.join(" or "));
    }
    // The signature is verified after all rules.
    if steps.iter().all(|step| step.holds) {
        let is_bad = matches!(error, Some(VerifyError::Proof(ProofError::Signature | ProofError::Key(_))));
        steps.push(Step {
            name: "proof_signature",
            source: "RFC 9449 §4.3, rule 6",
            expected: "one by the key in jwk".to_owned(),
            found: if is_bad { "another" } else { "one" }.to_owned(),
            holds: !is_bad,
        });
    }
    steps
}

fn of_rule(rule: &Rule, facts: &ProofFacts<'_>) -> Step {
    Step {
        name: rule.name,
        source: rule.source,
        expected: (rule.expected)(facts),
        found: (rule.found)(facts),
        holds: (rule.check)(facts).is_ok(),
    }
}
