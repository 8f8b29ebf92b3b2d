package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/gob"
	"os"

	"github.com/lf-edge/eve-api/go/config"
	"github.com/lf-edge/eve/pkg/pillar/cipher"
	"github.com/lf-edge/eve/pkg/pillar/cmd/domainmgr"
	"github.com/lf-edge/eve/pkg/pillar/evetpm"
	"github.com/lf-edge/eve/pkg/pillar/types"
	"github.com/lf-edge/eve/pkg/pillar/utils/cloudconfig"
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
	open := func(what, key string, block types.CipherBlockStatus) types.EncryptionBlock {
		if !block.IsCipher {
			return types.EncryptionBlock{}
		}
		_, clear, err := cipher.GetCipherCredentials(context, block)
		if err != nil {
			say("secret", map[string]any{"of": what, "key": key, "error": err.Error()})
		} else {
			say("secret", map[string]any{"of": what, "key": key, "clear": clear})
		}
		return clear
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
	follow(n, "zedagent", false, func(profile types.SCEPProfile) {
		open("scep", profile.ProfileName, profile.EncryptedChallengePassword)
	}, nil)
	follow(n, "zedagent", false, func(app types.AppInstanceConfig) {
		if clear := open("app", app.Key(), app.CipherBlockStatus); clear.ProtectedUserData != "" {
			n.startContainer(app.Key(), clear.ProtectedUserData)
		}
	}, nil)
	follow(n, "zedagent", true, func(list types.PatchEnvelopeInfoList) { n.openPatches(context, list) }, nil)
}

// startContainer does with user data what domainmgr does for a container: variables, and files in its root folder.
func (n *neighbours) startContainer(app, userData string) {
	text, err := base64.StdEncoding.DecodeString(userData)
	if err != nil {
		n.log.Fatal(err)
	}
	parsed, err := cloudconfig.ParseCloudConfig(string(text))
	if err != nil {
		n.log.Fatal(err)
	}
	variables, err := domainmgr.Variables(parsed.RunCmd)
	if err != nil {
		n.log.Fatal(err)
	}
	for _, file := range parsed.WriteFiles {
		if err := cloudconfig.WriteFile(n.log, file, "/run/rootfs/"+app); err != nil {
			n.log.Fatal(err)
		}
	}
	say("container", map[string]any{"app": app, "variables": variables})
}

// openPatches does with encrypted files what msrv does before it gives them to an app.
func (n *neighbours) openPatches(context *cipher.DecryptCipherContext, list types.PatchEnvelopeInfoList) {
	for _, envelope := range list.Envelopes {
		files := map[string]string{}
		for _, blob := range envelope.BinaryBlobs {
			files[blob.FileName] = blob.FileSha
		}
		for _, blob := range envelope.CipherBlobs {
			var block types.CipherBlockStatus
			file, err := os.Open(blob.EncURL)
			if err != nil {
				n.log.Fatal(err)
			}
			err = gob.NewDecoder(file).Decode(&block)
			file.Close()
			if err != nil {
				n.log.Fatal(err)
			}
			_, clear, err := cipher.GetCipherMarshalledData(context, block)
			var inline config.InlineOpaqueBase64Data
			if err == nil {
				err = cipher.UnmarshalCipherData(context, clear, &inline)
			}
			if err != nil {
				n.log.Fatal(err)
			}
			files[inline.GetFileNameToUse()] = inline.GetBase64Data()
		}
		say("patch", map[string]any{
			"name": envelope.Name, "version": envelope.Version, "apps": envelope.AllowedApps, "files": files,
			"errors": envelope.Errors,
		})
	}
}
