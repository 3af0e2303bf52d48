//! The stub's certificate, and the bundle by which the functions trust it.

use std::{fs, path::Path, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::error::{BenchError, Outcome, doing};

/// Makes an authority and a certificate for 127.0.0.1, and writes `bundle`: Mozilla's roots, which operating systems come
/// with, and the authority. So the functions read as many certificates as they do on Lambda.
pub(crate) fn server(bundle: &Path) -> Outcome<Arc<ServerConfig>> {
    let failed = |error: rcgen::Error| BenchError::Certificate(error.to_string());
    // Python's OpenSSL is strict: names that differ, and what each key is for.
    let mut authority = CertificateParams::new(Vec::new()).map_err(failed)?;
    authority
        .distinguished_name
        .push(DnType::CommonName, "serin-bench authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().map_err(failed)?).map_err(failed)?;
    let key = KeyPair::generate().map_err(failed)?;
    let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).map_err(failed)?;
    leaf.distinguished_name.push(DnType::CommonName, "serin-bench stub");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf.signed_by(&key, &authority).map_err(failed)?;

    write_bundle(bundle, authority.der())?;
    let chain = vec![leaf.der().clone(), authority.der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let failed = |error: rustls::Error| BenchError::Certificate(error.to_string());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(failed)?;
    Ok(Arc::new(config))
}

fn write_bundle(bundle: &Path, authority: &CertificateDer<'_>) -> Outcome<()> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(AsRef::<[u8]>::as_ref);
    let all: Vec<_> = roots
        .chain([authority.as_ref()])
        .map(|certificate| pem::Pem::new("CERTIFICATE", certificate))
        .collect();
    fs::write(bundle, pem::encode_many(&all)).map_err(doing(format!("write {}", bundle.display())))
}
