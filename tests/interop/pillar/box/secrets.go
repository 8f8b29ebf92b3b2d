package main

import (
	"crypto/rand"
	"os"

	"github.com/lf-edge/eve/pkg/pillar/cipher"
	"github.com/lf-edge/eve/pkg/pillar/evetpm"
	"github.com/lf-edge/eve/pkg/pillar/types"
)

const (
	sealedKey      = "/persist/vault/key-of-the-box"
	vaultKeyLength = 32
)

// vaultKey is the vault's key as it may leave the box: encrypted by the TPM. It is made once.
func vaultKey(n *neighbours) []byte {
	if kept, err := os.ReadFile(sealedKey); err == nil {
		return kept
	}
	key := make([]byte, vaultKeyLength)
	if _, err := rand.Read(key); err != nil {
		n.log.Fatal(err)
	}
	encrypted, err := evetpm.EncryptDecryptUsingTpm(key, true)
	if err != nil {
		n.log.Fatal(err)
	}
	if err := os.WriteFile(sealedKey, encrypted, 0o600); err != nil {
		n.log.Fatal(err)
	}
	return encrypted
}

// secrets opens what the controller encrypted for this box, with EVE's own code, and says what was in it.
func (n *neighbours) secrets() {
	follow(n, "zedagent", false, func(key types.EncryptedVaultKeyFromController) {
		if len(key.EncryptedVaultKey) == 0 {
			say("vault", "none")
			return
		}
		kept, err := os.ReadFile(sealedKey)
		say("vault", err == nil && string(kept) == string(key.EncryptedVaultKey))
	}, nil)
	ignore := func(types.ControllerCert) {}
	context := &cipher.DecryptCipherContext{
		Log: n.log, AgentName: "neighbours", AgentMetrics: cipher.NewAgentMetrics("neighbours"),
		PubSubControllerCert: follow(n, "zedagent", false, ignore, nil),
		PubSubEdgeNodeCert:   follow(n, "tpmmgr", true, func(types.EdgeNodeCert) {}, nil),
	}
	open := func(what, key string, block types.CipherBlockStatus) {
		if !block.IsCipher {
			return
		}
		_, clear, err := cipher.GetCipherCredentials(context, block)
		if err != nil {
			say("secret", map[string]any{"of": what, "key": key, "error": err.Error()})
			return
		}
		say("secret", map[string]any{"of": what, "key": key, "clear": clear})
	}
	follow(n, "zedagent", false, func(store types.DatastoreConfig) {
		open("datastore", store.Key(), store.CipherBlockStatus)
	}, nil)
	follow(n, "zedagent", false, func(ports types.DevicePortConfig) {
		for _, port := range ports.Ports {
			for _, wifi := range port.WirelessCfg.Wifi {
				open("wifi", wifi.SSID, wifi.CipherBlockStatus)
			}
		}
	}, nil)
	follow(n, "zedagent", false, func(app types.AppInstanceConfig) {
		open("app", app.Key(), app.CipherBlockStatus)
	}, nil)
}
