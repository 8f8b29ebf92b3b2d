module selvedge.dev/tests/eve-schema

go 1.21.1

require (
	github.com/lf-edge/eve-api/go v0.0.0-20260504144707-c02286669741
	google.golang.org/protobuf v1.36.3
)

require github.com/envoyproxy/protoc-gen-validate v1.2.1 // indirect
