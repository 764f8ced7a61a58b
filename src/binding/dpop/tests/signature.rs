use super::*;

/// Row L5.
#[test]
fn the_key_in_the_header_made_the_signature() {
    for client in CLIENTS.iter() {
        let stranger = TestClient::new(UnverifiedProof::parse(&good(client).sign()).unwrap().algorithm());
        let found = error(&good(client).signed_by(&stranger).sign(), client);
        assert_eq!(found, Some(ProofError::Signature), "{client:?}");
    }
}

/// Row L5.
#[test]
fn every_byte_of_header_and_payload_is_signed() {
    for client in CLIENTS.iter() {
        let proof = good(client).id("1").sign();
        let other = good(client).id("2").sign();
        let [header, _, signature] = proof.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
        let [_, payload, _] = other.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
        let swapped = format!("{header}.{payload}.{signature}");
        assert_eq!(error(&swapped, client), Some(ProofError::Signature), "{client:?}");
        let input = good(client).signing_input();
        assert_eq!(error(&format!("{input}."), client), Some(ProofError::Signature), "{client:?}");
        assert_eq!(error(&format!("{input}.AAAA"), client), Some(ProofError::Signature), "{client:?}");
    }
}

/// The first proof of a client parses its key, and the others do not. A signature is verified each time.
#[test]
fn the_key_of_a_verified_proof_is_remembered() {
    for client in CLIENTS.iter() {
        let (keys, jkt) = (ProofKeys::new(), client.jkt());
        for round in 0..3 {
            let (parsed, verified) = parsed_and_verified();
            let proof = UnverifiedProof::parse(&good(client).sign()).unwrap();
            let verified_proof = CheckedProof::check(&facts(&proof, &jkt)).unwrap().verify_signature(&keys).unwrap();
            assert_eq!(proof.thumbprint().to_string(), jkt);
            assert_eq!(verified_proof.jti(), proof.jti());
            let is_first = usize::from(round == 0);
            assert_eq!(parsed_and_verified(), (parsed + is_first, verified + 1), "{client:?}");
        }
        assert_eq!(keys.len(), 1);
        // A forged proof with a remembered key is still refused.
        let stranger = TestClient::new(UnverifiedProof::parse(&good(client).sign()).unwrap().algorithm());
        let forged = UnverifiedProof::parse(&good(client).signed_by(&stranger).sign()).unwrap();
        let found = CheckedProof::check(&facts(&forged, &jkt)).unwrap().verify_signature(&keys).err();
        assert_eq!(found, Some(ProofError::Signature));
    }
}

#[test]
fn the_key_of_a_forged_proof_is_not_remembered() {
    let (client, stranger) = (client(Algorithm::ES256), TestClient::new(Algorithm::ES256));
    let (keys, jkt) = (ProofKeys::new(), client.jkt());
    let forged = UnverifiedProof::parse(&good(client).signed_by(&stranger).sign()).unwrap();
    assert!(CheckedProof::check(&facts(&forged, &jkt)).unwrap().verify_signature(&keys).is_err());
    assert_eq!(keys.len(), 0);
}

/// One RSA key serves six algorithms, and a remembered key only the one that it was remembered for.
#[test]
fn a_remembered_key_serves_one_algorithm() {
    let client = client(Algorithm::RS256);
    let (keys, jkt) = (ProofKeys::new(), client.jkt());
    let by = |alg: &str| {
        let proof = UnverifiedProof::parse(&good(client).header("alg", alg).sign()).unwrap();
        CheckedProof::check(&facts(&proof, &jkt)).unwrap().verify_signature(&keys).err()
    };
    assert_eq!(by("RS256"), None);
    // The signature is by RS256 each time.
    for other in ["PS256", "RS384", "RS512", "PS384", "PS512"] {
        assert_eq!(by(other), Some(ProofError::Signature), "{other}");
    }
    assert_eq!(by("RS256"), None);
}

#[test]
fn remembered_keys_are_bounded() {
    let keys = ProofKeys::new();
    for _ in 0..1100 {
        let client = TestClient::new(Algorithm::Ed25519);
        let proof = UnverifiedProof::parse(&good(&client).issued_at(now()).sign()).unwrap();
        let jkt = client.jkt();
        assert!(CheckedProof::check(&facts(&proof, &jkt)).unwrap().verify_signature(&keys).is_ok());
    }
    assert!((512..=1024).contains(&keys.len()), "{}", keys.len());
}
