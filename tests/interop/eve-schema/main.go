// The public Go module of the EVE API as a test partner.
//
//	describe   prints every message and enum it has, field for field, as one JSON object
//	exchange   reads lines {"type", "bytes"|"json"}, answers each with {"bytes", "json"} or {"error"}
//
// Bytes are base64. What it writes is deterministic: fields in the order of their numbers, maps in the order of their keys.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/lf-edge/eve-api/go/attest"
	_ "github.com/lf-edge/eve-api/go/auth"
	_ "github.com/lf-edge/eve-api/go/certs"
	_ "github.com/lf-edge/eve-api/go/config"
	_ "github.com/lf-edge/eve-api/go/evecommon"
	_ "github.com/lf-edge/eve-api/go/eveuuid"
	_ "github.com/lf-edge/eve-api/go/flowlog"
	_ "github.com/lf-edge/eve-api/go/hardwarehealth"
	_ "github.com/lf-edge/eve-api/go/info"
	_ "github.com/lf-edge/eve-api/go/logs"
	_ "github.com/lf-edge/eve-api/go/metrics"
	_ "github.com/lf-edge/eve-api/go/nestedappinstancemetrics"
	_ "github.com/lf-edge/eve-api/go/profile"
	_ "github.com/lf-edge/eve-api/go/proxy"
	_ "github.com/lf-edge/eve-api/go/register"
)

const apiPrefix = "org.lfedge.eve."

func main() {
	var err error
	switch strings.Join(os.Args[1:], " ") {
	case "describe":
		err = json.NewEncoder(os.Stdout).Encode(describe())
	case "exchange":
		err = exchange()
	default:
		err = fmt.Errorf("usage: describe | exchange")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// describe maps a message's or an enum's name to one line for each field or value.
func describe() map[string][]string {
	all := map[string][]string{}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(string(file.Package()), apiPrefix) {
			describeEnums(all, file.Enums())
			describeMessages(all, file.Messages())
		}
		return true
	})
	return all
}

func describeMessages(all map[string][]string, messages protoreflect.MessageDescriptors) {
	for i := 0; i < messages.Len(); i++ {
		message := messages.Get(i)
		if message.IsMapEntry() {
			continue
		}
		lines := []string{}
		for j := 0; j < message.Fields().Len(); j++ {
			lines = append(lines, describeField(message.Fields().Get(j)))
		}
		all["message "+string(message.FullName())] = lines
		describeEnums(all, message.Enums())
		describeMessages(all, message.Messages())
	}
}

func describeField(field protoreflect.FieldDescriptor) string {
	shape := typeOf(field)
	switch {
	case field.IsMap():
		shape = "map<" + typeOf(field.MapKey()) + ", " + typeOf(field.MapValue()) + ">"
	case field.IsList() && field.IsPacked():
		shape = "packed " + shape
	case field.IsList():
		shape = "repeated " + shape
	case field.HasOptionalKeyword():
		shape = "optional " + shape
	}
	line := fmt.Sprintf("%d %s: %s json=%s", field.Number(), field.Name(), shape, field.JSONName())
	if oneof := field.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() {
		line += " oneof=" + string(oneof.Name())
	}
	return line
}

func typeOf(field protoreflect.FieldDescriptor) string {
	switch field.Kind() {
	case protoreflect.MessageKind:
		return string(field.Message().FullName())
	case protoreflect.EnumKind:
		return string(field.Enum().FullName())
	default:
		return field.Kind().String()
	}
}

func describeEnums(all map[string][]string, enums protoreflect.EnumDescriptors) {
	for i := 0; i < enums.Len(); i++ {
		enum := enums.Get(i)
		lines := []string{}
		for j := 0; j < enum.Values().Len(); j++ {
			value := enum.Values().Get(j)
			lines = append(lines, fmt.Sprintf("%d %s", value.Number(), value.Name()))
		}
		all["enum "+string(enum.FullName())] = lines
	}
}

type request struct {
	Type  string          `json:"type"`
	Bytes []byte          `json:"bytes"`
	JSON  json.RawMessage `json:"json"`
}

type answer struct {
	Bytes []byte          `json:"bytes"`
	JSON  json.RawMessage `json:"json"`
	Error string          `json:"error,omitempty"`
}

func exchange() error {
	in := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	for in.More() {
		var asked request
		if err := in.Decode(&asked); err != nil {
			return err
		}
		if err := encoder.Encode(answerTo(asked)); err != nil {
			return err
		}
	}
	return out.Flush()
}

func answerTo(asked request) answer {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(asked.Type))
	if err != nil {
		return answer{Error: err.Error()}
	}
	message := kind.New().Interface()
	if asked.JSON != nil {
		err = protojson.Unmarshal(asked.JSON, message)
	} else {
		err = proto.Unmarshal(asked.Bytes, message)
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		return answer{Error: err.Error()}
	}
	text, err := protojson.Marshal(message)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Bytes: bytes, JSON: text}
}
