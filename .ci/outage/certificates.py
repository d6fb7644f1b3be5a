"""Authorities and certificates for a Redis on localhost, made with openssl."""
import os
import shutil
import subprocess
import time


class Certificates:
    def __init__(self, folder):
        self.folder = folder + "/tls"
        os.mkdir(self.folder)

    def path(self, name):
        return f"{self.folder}/{name}"

    def openssl(self, *words):
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {' '.join(words)}: {done.stderr.strip()}")

    def key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key"]

    def make_authority(self, name):
        self.openssl("req", "-x509", "-days", "2", "-subj", "/CN=" + name, "-out", name + ".pem", *self.key(name))
        with open(self.path(name + ".cnf"), "w") as file:
            file.write(
                f"[ca]\ndefault_ca=c\n[c]\ndatabase={name}.index\nrand_serial=yes\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n"
                f"unique_subject=no\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n")
        open(self.path(name + ".index"), "w").close()

    def make(self, name, authority, seconds):
        """A certificate that is valid for so many seconds from now on."""
        def date(offset):
            return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + offset))
        self.openssl("req", "-new", "-subj", "/CN=" + name, "-out", name + ".csr", *self.key(name))
        self.openssl(
            "ca", "-batch", "-notext", "-config", authority + ".cnf", "-cert", authority + ".pem", "-keyfile", authority + ".key",
            "-startdate", date(-3600), "-enddate", date(seconds), "-in", name + ".csr", "-out", name + ".pem")

    def put(self, target, *sources):
        """The files `sources` together in place of `target`, which nobody sees half written."""
        with open(self.path(target + ".new"), "wb") as file:
            for source in sources:
                with open(self.path(source), "rb") as part:
                    shutil.copyfileobj(part, file)
        os.replace(self.path(target + ".new"), self.path(target))
