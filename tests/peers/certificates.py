"""An authority and a certificate for localhost, made by another library than the program's.

`certificates.py FOLDER ec|rsa` writes ca.pem, cert.pem and key.pem; client.pem is key and certificate together, and
client.pfx the same as PKCS #12, its password in client.password.
"""

import datetime
import ipaddress
import pathlib
import secrets
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

folder, kind = pathlib.Path(sys.argv[1]), sys.argv[2]
now = datetime.datetime.now(datetime.timezone.utc)
day = datetime.timedelta(days=1)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def key():
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)


def certificate(subject, own, issuer, issuer_key, authority):
    made = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
            .public_key(own.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - day).not_valid_after(now + day)
            .add_extension(x509.BasicConstraints(authority, None), critical=True))
    if not authority:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return made.sign(issuer_key, hashes.SHA256())


pem = serialization.Encoding.PEM
authority_key, own = key(), key()
authority = certificate("Peer authority", authority_key, "Peer authority", authority_key, True)
leaf = certificate("localhost", own, "Peer authority", authority_key, False)
private = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
password = secrets.token_hex(12)
(folder / "ca.pem").write_bytes(authority.public_bytes(pem))
(folder / "cert.pem").write_bytes(leaf.public_bytes(pem))
(folder / "key.pem").write_bytes(private)
(folder / "client.pem").write_bytes(private + leaf.public_bytes(pem))
(folder / "client.password").write_text(password)
(folder / "client.pfx").write_bytes(pkcs12.serialize_key_and_certificates(
    b"peer", own, leaf, [authority], serialization.BestAvailableEncryption(password.encode())))
