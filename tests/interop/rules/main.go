// What each rule of a definition can cost, as upstream's compiler says. A definition in JSON per line of standard
// input; for each a line with the rules of all its versions: where, which, its cost, its message's cost, and whether it
// is refused.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

var env = environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion(), true)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64*1024*1024)
	for lines.Scan() {
		var definition v1.CustomResourceDefinition
		fail(json.Unmarshal(lines.Bytes(), &definition))
		found := [][]any{}
		for _, version := range definition.Spec.Versions {
			var props apiextensions.JSONSchemaProps
			fail(v1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &props, nil))
			structural, err := schema.NewStructural(&props)
			fail(err)
			visit(structural, version.Name, true, &found)
		}
		line, err := json.Marshal(found)
		fail(err)
		fmt.Println(string(line))
	}
	fail(lines.Err())
}

func visit(s *schema.Structural, path string, isRoot bool, found *[][]any) {
	if s == nil {
		return
	}
	if len(s.XValidations) > 0 {
		isResource := isRoot || s.XEmbeddedResource
		declared := model.SchemaDeclType(s, isResource)
		results, err := cel.Compile(s, declared, celconfig.PerCallLimit, env, cel.NewExpressionsEnvLoader())
		fail(err)
		for index, result := range results {
			row := []any{path, index, result.MaxCost, result.MessageExpressionMaxCost, result.Error != nil}
			*found = append(*found, row)
		}
	}
	for name := range s.Properties {
		property := s.Properties[name]
		visit(&property, path+"."+name, false, found)
	}
	if s.AdditionalProperties != nil {
		visit(s.AdditionalProperties.Structural, path+"[*]", false, found)
	}
	visit(s.Items, path+"[]", false, found)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
