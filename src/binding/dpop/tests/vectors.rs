//! The proofs in RFC 9449.

use super::*;
use crate::jose::{EmbeddedKey, JwsWithKey, Scratch};

/// §4.1: for a token endpoint, so it has no `ath`.
const TOKEN_REQUEST: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
/// §7.1: for a resource server.
const RESOURCE_REQUEST: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
const RESOURCE: &str = "https://resource.example.org/protectedresource";
/// §7.1.
const ACCESS_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
/// §6.1.
const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

/// Rows L2 to L7, L9 to L11.
#[test]
fn the_proof_of_section_7_is_good_for_its_request() {
    let proof = UnverifiedProof::parse(RESOURCE_REQUEST).unwrap();
    assert_eq!((proof.jti(), proof.htm(), proof.htu()), ("e1j3V_bKic8-LAEB", "GET", RESOURCE));
    assert_eq!(proof.ath(), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    assert_eq!(proof.issued_at().to_string(), "1562262618");
    assert_eq!((proof.nonce(), proof.algorithm()), (None, Algorithm::ES256));
    let facts = ProofFacts {
        binding: ProofBinding { jkt: JKT, ath: &ath_of(ACCESS_TOKEN) },
        target: Target { expected: RESOURCE, signed: Some(proof.htu()) },
        now: UNIX_EPOCH + Duration::from_secs(1_562_262_618),
        freshness: FreshBy::IssuedAt,
        nonce: NonceVerdict::Absent,
        ..facts(&proof, "")
    };
    assert!(CheckedProof::check(&facts).unwrap().verify_signature(&ProofKeys::new()).is_ok());
    assert_eq!(proof.thumbprint().to_string(), JKT);
}

#[test]
fn the_proof_of_section_4_is_not_for_a_resource_server() {
    assert_eq!(UnverifiedProof::parse(TOKEN_REQUEST).err(), Some(ProofError::Missing { claim: "ath" }));
    let mut scratch = Scratch::default();
    let jws = JwsWithKey::parse(TOKEN_REQUEST, &mut scratch).unwrap();
    assert!(jws.header.is_of_type("dpop+jwt"));
    let key = EmbeddedKey::from_jwk(jws.jwk.unwrap(), jws.header.algorithm).unwrap();
    assert!(key.thumbprint().is_written_as(JKT));
    assert!(key.parse().unwrap().verify(jws.signing_input.as_bytes(), jws.signature));
}
