use std::fmt;

use super::claims_extension::ClaimsExtension;
use super::resource_server::ResourceServer;
use super::snapshot::Snapshot;
use super::step::Step;
use crate::AccessToken;
use crate::jose::{Algorithm, JsonError, JwsError, Scratch, SignatureError};
use crate::keys::KeyStore;
use crate::redact::quoted;
use crate::token::NumericDate;
use crate::validation::{
    Facts, ISSUER_RULE, MAX_TOKEN_LENGTH, Policy, Rule, Stage, TokenError, UnverifiedToken, VerifyError,
};

/// What was checked about a token, what was expected and what was found, step by step: for a developer who investigates a 401, for logs and for
/// tests. Never send it to a client, because it tells an attacker what to try next.
///
/// [`ResourceServer::explain`](crate::ResourceServer::explain) creates one. Its text is a table:
///
/// ```text
/// refused: audience
/// pass  size       expected at most 16384 bytes; found 383 bytes  (a limit of this crate)
/// …
/// pass  iss        expected "https://login.example.test"; found "https://login.example.test"  (RFC 9068 §4)
/// FAIL  aud        expected "https://api.example.test"; found "https://other.example.test"  (RFC 9068 §4)
/// FAIL  exp        expected later than 30 s before Thu, 26 Nov 2026 03:36:11 GMT; found Thu, 26 Nov 2026 03:34:41 GMT (91 s ago)  (RFC 7519 §4.1.4)
/// …
/// ```
///
/// It contains neither the token nor its subject. Texts from the token are escaped and truncated, so that they cannot forge log lines.
#[derive(Clone, Debug)]
pub struct Explanation {
    pub(super) verdict: Result<AccessToken, VerifyError>,
    pub(super) steps: Vec<Step>,
}

impl Explanation {
    /// The result of [`verify`](crate::ResourceServer::verify) for the token or, for a request, the result without the check for a replayed
    /// proof. So it does not authorize a request.
    ///
    /// # Errors
    ///
    /// Why the token is refused, or why it cannot be validated now.
    pub fn verdict(&self) -> Result<&AccessToken, &VerifyError> {
        self.verdict.as_ref()
    }

    /// The steps, in the order of validation. The first step that fails is why the token is refused. Later steps that do not depend on it are also
    /// included, because a token may be wrong in more than one way. The list ends where a step needs something that an earlier one did not find,
    /// such as an issuer's rules or keys. A token whose content is bad causes no fetch, so the steps about its key are present only if the keys were
    /// available.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The steps that fail.
    pub fn failures(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| !step.holds)
    }
}

/// The name of the step about the issuer's keys.
const KEYS: &str = "keys";

impl ResourceServer {
    /// Validates a token like [`verify`](Self::verify), and reports for every rule what was expected and what was found: for a developer who
    /// investigates a 401, for logs and for tests. Never send the report to a client.
    ///
    /// This costs several times as much as `verify`, so do not call it for every request. As with `verify`, keys are fetched if needed, and the
    /// token may be cached. For an opaque token, the issuer is asked again, and its answer is not kept. No metric counts the decision.
    ///
    /// ```
    /// use tower_bearer::ResourceServer;
    /// use tower_bearer::testing::TestIssuer;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = TestIssuer::start();
    /// let api = ResourceServer::builder("https://api.example.test").trust(issuer.issuer()).build()?;
    ///
    /// let explanation = api.explain(&issuer.token().audience("https://other.example.test").sign()).await;
    /// println!("{explanation}");
    /// let failed: Vec<_> = explanation.failures().map(|step| step.name).collect();
    /// assert_eq!(failed, ["aud"]);
    /// # Ok(()) }
    /// ```
    pub async fn explain(&self, token: &str) -> Explanation {
        self.handle().current().explain(token).await
    }
}

impl Snapshot {
    async fn explain(&self, token: &str) -> Explanation {
        let (verdict, mut steps) = self.explain_valid(token).await;
        let verdict = verdict.and_then(|token| {
            let fits = self.check_tenant_alone(&token);
            steps.extend(self.tenant_step(&token, &fits));
            let alone = self.0.checks.check_alone(&token);
            if let Err(error) = &alone {
                steps.extend(self.0.checks.step_alone(&token, error));
            }
            fits.and(alone).map(|()| token)
        });
        Explanation { verdict, steps }
    }

    /// The verdict without the checks of a request, and the steps to it.
    pub(super) async fn explain_valid(&self, token: &str) -> (Result<AccessToken, VerifyError>, Vec<Step>) {
        let (verdict, mut steps) = self.explain_claims(token).await;
        if let (Ok(token), Some(_)) = (&verdict, &self.0.validator.context.implied_scopes)
            && let Some(scope) = steps.iter_mut().find(|step| step.name == "scope")
        {
            let implied = quoted(Some(token.scope().as_str()));
            scope.found = format!("{}; with what it implies {implied}", scope.found);
        }
        let verdict = verdict.and_then(|token| self.check_revocation(&token).map(|()| token));
        let found = match &verdict {
            Ok(_) => Some("none"),
            Err(VerifyError::Token(TokenError::Revoked)) => Some("one"),
            Err(VerifyError::RevocationsUnavailable { .. }) => Some("a feed that has been silent for too long"),
            Err(_) => None,
        };
        if let Some(found) = found.filter(|_| self.0.validator.context.revocations.is_some()) {
            steps.push(Step {
                name: "revocation",
                source: "Builder::revocations",
                expected: "no revocation of its session, its subject, its client, its issuer or itself".to_owned(),
                found: found.to_owned(),
                holds: verdict.is_ok(),
            });
        }
        (verdict, steps)
    }

    async fn explain_claims(&self, token: &str) -> (Result<AccessToken, VerifyError>, Vec<Step>) {
        #[cfg(feature = "introspection")]
        if let Some(explained) = self.explain_introspected(token).await {
            return explained;
        }
        let verdict = self.0.validator.verify(token).await;
        let mut steps = self.steps(token);
        if matches!(verdict, Ok(_) | Err(VerifyError::Token(_))) {
            // A bad token costs no fetch. Then missing keys are no failure.
            steps.retain(|step| step.name != KEYS || step.holds);
        }
        (verdict, steps)
    }

    fn steps(&self, token: &str) -> Vec<Step> {
        let validator = &self.0.validator;
        let mut scratch = Scratch::default();
        let parsed = UnverifiedToken::parse(token, &mut scratch, &validator.known_headers);
        let mut steps = of_form(token, parsed.as_ref().err());
        let Ok(token) = parsed else { return steps };
        let now = NumericDate::from(validator.clock().now());
        let tenant = validator.held_tenant(token.issuer());
        let Some(issuer) = validator.issuers.of_token(&token).ok().or(tenant.as_ref()) else {
            let unknown = of_unknown_issuer(&token, validator.issuers.iter().map(|issuer| &issuer.policy), now);
            steps.extend(validator.with_tenants(unknown, token.issuer()));
            return steps;
        };
        let facts = token.facts(&issuer.policy, now);
        let of = |stage: Stage| stage.rules(&facts).map(|rule| of_rule(rule, &facts)).collect::<Vec<_>>();
        steps.extend(of(Stage::BeforeSignature));
        let lists = of(Stage::AfterSignature);
        match issuer.keys() {
            Some(keys) => steps.extend(of_key(&token, keys, &issuer.policy, lists, self.claims_extension())),
            None => steps.extend(lists),
        }
        steps
    }
}

/// The steps before a token is parsed, up to the `fault` if there is one.
fn of_form(token: &str, fault: Option<&TokenError>) -> Vec<Step> {
    let steps = [
        (
            "size",
            "a limit of this crate",
            format!("at most {MAX_TOKEN_LENGTH} bytes"),
            format!("{} bytes", token.len()),
        ),
        ("form", "RFC 7515 §7.1", "three parts of base64url".to_owned(), "as expected".to_owned()),
        (
            "header",
            "RFC 7515 §4",
            "a known alg, nothing critical, nested or encrypted".to_owned(),
            "as expected".to_owned(),
        ),
        (
            "payload",
            "RFC 7519 §7.2",
            "a JSON object, no duplicate names, claims of the right types".to_owned(),
            "as expected".to_owned(),
        ),
    ];
    let failed = match fault {
        Some(TokenError::TooLong { .. }) => 0,
        Some(TokenError::Jws(JwsError::Parts { .. } | JwsError::Encoding)) => 1,
        Some(TokenError::Jws(_)) => 2,
        Some(_) => 3,
        None => steps.len(),
    };
    let has_scheme = token.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
    let found = |error: &TokenError| match error {
        TokenError::Jws(JwsError::Algorithm { found }) => format!("alg {}", quoted(Some(found))),
        TokenError::Jws(JwsError::Header(error)) | TokenError::Payload(error) => found_in_json(error),
        _ if has_scheme => "the scheme Bearer before it, which is not part of a token".to_owned(),
        error => error.to_string(),
    };
    let steps = steps.into_iter().enumerate().take(failed + 1);
    let step = |(at, (name, source, expected, as_it_is))| {
        let fault = fault.filter(|_| at == failed);
        Step { name, source, expected, found: fault.map_or(as_it_is, found), holds: fault.is_none() }
    };
    steps.map(step).collect()
}

/// What is wrong with a JSON object. A name in it may be of any length.
fn found_in_json(error: &JsonError) -> String {
    match error {
        JsonError::Duplicate { name } => format!("the member {} more than once", quoted(Some(name))),
        JsonError::WrongType { name } => format!("the member {} with a value of the wrong type", quoted(Some(name))),
        error => error.to_string(),
    }
}

pub(super) fn of_rule(rule: &Rule, facts: &Facts<'_>) -> Step {
    Step {
        name: rule.name,
        source: rule.source,
        expected: (rule.expected)(facts),
        found: (rule.found)(facts),
        holds: (rule.check)(facts).is_ok(),
    }
}

/// The step of a token whose issuer is none of those with these policies.
fn of_unknown_issuer<'p>(
    token: &UnverifiedToken<'_>,
    policies: impl Iterator<Item = &'p Policy>,
    now: NumericDate,
) -> Option<Step> {
    let steps = policies.map(|policy| of_rule(ISSUER_RULE, &token.facts(policy, now)));
    steps.reduce(|all, one| Step {
        expected: format!("{} or {}", all.expected, one.expected),
        found: if one.found == all.found { all.found } else { format!("{}, and {}", all.found, one.found) },
        ..all
    })
}

/// The step about the application's own claims.
pub(super) fn of_claims_type(claims: &ClaimsExtension, payload: &[u8]) -> Step {
    let parsed = (claims.parse)(payload).map(|_| "such claims".to_owned());
    Step {
        name: "claims",
        source: "Builder::claims",
        expected: "claims that parse as the application's type".to_owned(),
        holds: parsed.is_ok(),
        found: parsed.unwrap_or_else(|error| format!("{}, for the type {}", error.found(), error.wanted)),
    }
}

/// The steps that need the issuer's keys, and then the `lists`, which are shown whatever the signature is. The application's own
/// claims come last: nothing is parsed for them that the issuer did not sign.
fn of_key(
    token: &UnverifiedToken<'_>,
    store: &KeyStore,
    policy: &Policy,
    lists: Vec<Step>,
    claims: Option<&ClaimsExtension>,
) -> Vec<Step> {
    let (keys, status) = (store.held(), store.status());
    let found = match (keys.keys().len(), status.age) {
        (0, None) => "no keys".to_owned(),
        (count, None) => format!("{count} of them, which do not change"),
        (count, Some(age)) => format!("{count} of them, {} s old", age.as_secs()),
    };
    let trouble = status.last_error.map(|error| format!(", and the last fetch failed: {error}")).unwrap_or_default();
    let skipped = keys.skipped().iter().map(|skipped| format!("not used: {skipped}"));
    // If there are usable keys, the next step names all of them.
    let unusable = skipped.clone().filter(|_| keys.keys().is_empty()).map(|skipped| format!("; {skipped}"));
    let available = Step {
        name: KEYS,
        source: "RFC 9068 §4",
        expected: "keys of the issuer that are not too old".to_owned(),
        found: found + &trouble + &unusable.collect::<String>(),
        holds: status.is_usable,
    };
    if !available.holds {
        return [available].into_iter().chain(lists).collect();
    }
    let verified = token.verify(&keys, policy, || None, || true);
    let names = keys.keys().iter().map(|key| {
        let algorithms: Vec<_> = key.algorithms().map(Algorithm::name).collect();
        format!("{} for {}", quoted(key.id()), algorithms.join(", "))
    });
    let kid = Step {
        name: "kid",
        source: "RFC 7515 §4.1.4",
        expected: format!("a key {} for {}", quoted(token.kid()), token.algorithm()),
        found: names.chain(skipped).collect::<Vec<_>>().join("; "),
        holds: !matches!(verified, Err(SignatureError::NoKey | SignatureError::NoKid { fitting: 0, .. })),
    };
    let signature = kid.holds.then(|| Step {
        name: "signature",
        source: "RFC 7515 §5.2",
        expected: "one by that key".to_owned(),
        found: match verified {
            Ok(_) => "one".to_owned(),
            Err(SignatureError::NoKid { tried, fitting }) => {
                format!("none by the {tried} of {fitting} keys that were tried")
            }
            Err(_) => "another".to_owned(),
        },
        holds: verified.is_ok(),
    });
    let claims = claims.zip(verified.ok()).map(|(claims, (verified, _))| of_claims_type(claims, verified.payload()));
    [available, kid].into_iter().chain(signature).chain(lists).chain(claims).collect()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Ok(_) => f.write_str("accepted")?,
            Err(error) => match error.reason() {
                Some(reason) => write!(f, "refused: {reason}")?,
                None => write!(f, "undecided: {error}")?,
            },
        }
        for Step { name, source, expected, found, holds } in &self.steps {
            let mark = if *holds { "pass" } else { "FAIL" };
            write!(f, "\n{mark}  {name:<9}  expected {expected}; found {found}  ({source})")?;
        }
        Ok(())
    }
}
