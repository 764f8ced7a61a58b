//! An issuer whose tokens are introspected.

use std::sync::Arc;

use crate::clock::Clock;
use crate::introspection::{AbsentAudience, Answers, Introspection, InvalidIntrospection};
use crate::issuer::ConfigError;
use crate::keys::KeyStore;
use crate::validation::introspection::{AnswerSource, EndpointSource, Introspector, Limits, Signatures};
use crate::validation::{Format, Method, Policy, Recipient, TrustedIssuer};

/// The issuer with this policy for its answers. `keys` are for signed ones.
pub(super) fn introspected(
    introspection: &Arc<Introspection>,
    policy: Policy,
    keys: KeyStore,
    clock: &Arc<dyn Clock>,
) -> Result<TrustedIssuer, ConfigError> {
    let Introspection { lifetime, memory, concurrent_requests, prefixes, answers, .. } = &**introspection;
    let name = policy.issuer.name().to_owned();
    let keys = (*answers == Answers::Signed).then_some(keys);
    let signatures = keys.clone().map(|keys| Signatures {
        keys,
        issuer: name.as_str().into(),
        audiences: names_of_server(introspection, &policy.recipient),
        algorithms: policy.algorithms,
        leeway: policy.leeway,
    });
    let source = EndpointSource::new(Arc::clone(introspection), Arc::clone(clock), signatures);
    let source: Arc<dyn AnswerSource> = Arc::new(source);
    let limits = Limits { lifetime: *lifetime, bytes: *memory, calls: *concurrent_requests };
    let introspector = Introspector::new(&name, prefixes.clone().into(), source, Arc::clone(clock), limits)
        .ok_or_else(|| {
            let reason = InvalidIntrospection::NoRandomness;
            ConfigError::Introspection { issuer: name.clone(), reason }
        })?;
    let method = Method::Introspection(Arc::new(introspector), keys);
    Ok(TrustedIssuer::new(policy, method))
}
/// The rules for the answers of an issuer with this `policy` for its JWTs.
pub(super) fn of_answers(policy: Policy, introspection: &Introspection) -> Policy {
    let recipient = match (policy.recipient, introspection.audience) {
        (Recipient::Audience(audiences), AbsentAudience::CheckedByIssuer) => Recipient::CheckedByIssuer(audiences),
        (recipient, _) => recipient,
    };
    Policy { recipient, dialect: policy.dialect.of_answers(), format: Format::Opaque, ..policy }
}

/// What a signed answer may call this server (RFC 9701 §5): its name as a client, or as an audience.
fn names_of_server(introspection: &Introspection, recipient: &Recipient) -> Vec<Box<str>> {
    let client = introspection.endpoint.authentication().client_id();
    let (Recipient::Audience(audiences) | Recipient::CheckedByIssuer(audiences) | Recipient::Client { audiences, .. }) =
        recipient;
    [client.into()].into_iter().chain(audiences.iter().cloned()).collect()
}
