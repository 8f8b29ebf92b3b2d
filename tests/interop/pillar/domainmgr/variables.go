package domainmgr

// Variables is how domainmgr reads a container's variables, for who stands in for it.
func Variables(lines []string) (map[string]string, error) {
	return parseEnvVariablesFromCloudInit(lines)
}
