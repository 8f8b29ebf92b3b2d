package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/smallstep/scep"
)

const authorityKeyBits = 2048

// authority is somebody's SCEP server, which gives a certificate to everybody who knows the challenge.
type authority struct {
	certificate *x509.Certificate
	key         *rsa.PrivateKey
	challenge   string
}

// serveAuthority tells where it is and by what it is known, and never ends.
func serveAuthority(challenge string) error {
	key, err := rsa.GenerateKey(rand.Reader, authorityKeyBits)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	say("authority", map[string]any{
		"url":         "http://" + listener.Addr().String() + "/scep",
		"certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
	})
	return http.Serve(listener, &authority{certificate, key, challenge})
}

func (a *authority) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	switch request.URL.Query().Get("operation") {
	case "GetCACaps":
		io.WriteString(answer, "POSTPKIOperation\nSHA-256\nAES\nSCEPStandard\n")
	case "GetCACert":
		answer.Header().Set("Content-Type", "application/x-x509-ca-cert")
		answer.Write(a.certificate.Raw)
	case "PKIOperation":
		body, err := io.ReadAll(request.Body)
		if err == nil {
			body, err = a.enrol(body)
		}
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		answer.Header().Set("Content-Type", "application/x-pki-message")
		answer.Write(body)
	default:
		http.NotFound(answer, request)
	}
}

func (a *authority) enrol(body []byte) ([]byte, error) {
	message, err := scep.ParsePKIMessage(body)
	if err != nil {
		return nil, err
	}
	if err := message.DecryptPKIEnvelope(a.certificate, a.key); err != nil {
		return nil, err
	}
	if message.CSRReqMessage.ChallengePassword != a.challenge {
		refused, err := message.Fail(a.certificate, a.key, scep.BadRequest)
		if err != nil {
			return nil, err
		}
		return refused.Raw, nil
	}
	asked := message.CSRReqMessage.CSR
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: asked.Subject, NotBefore: time.Now().Add(-time.Minute),
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, asked.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	granted, err := message.Success(a.certificate, a.key, certificate)
	if err != nil {
		return nil, err
	}
	return granted.Raw, nil
}
