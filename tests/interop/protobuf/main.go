// Answers a question a line. {"object": …}: the object as Go writes it in protobuf, in base64. {"server": …}: what
// client-go found when it used that server in protobuf, as JSON.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

type question struct {
	Object json.RawMessage `json:"object"`
	Server *server         `json:"server"`
}

func main() {
	if err := apiextensions.AddToScheme(scheme.Scheme); err != nil {
		panic(err)
	}
	metav1.AddMetaToScheme(scheme.Scheme)
	metav1.AddToGroupVersion(scheme.Scheme, metav1.SchemeGroupVersion)
	decoder := serializer.NewCodecFactory(scheme.Scheme).UniversalDeserializer()
	encoder := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		if asked.Server != nil {
			fmt.Println(asked.Server.use())
			continue
		}
		fmt.Println(encode(decoder, encoder, asked.Object))
	}
}

func encode(decoder runtime.Decoder, encoder runtime.Encoder, body []byte) string {
	object, _, err := decoder.Decode(body, nil, nil)
	if err != nil {
		return "error: " + err.Error()
	}
	var out bytes.Buffer
	if err := encoder.Encode(object, &out); err != nil {
		return "error: " + err.Error()
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}
