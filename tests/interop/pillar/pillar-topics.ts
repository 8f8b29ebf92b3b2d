/** What EVE's agents publish on their bus, as far as it is looked at. */

export interface AppConfig {
  readonly Activate: boolean;
  readonly DisplayName: string;
  readonly PurgeCmd: { readonly Counter: number };
  readonly RestartCmd: { readonly Counter: number };
  readonly FixedResources: {
    readonly Memory: number;
    readonly VCpus: number;
    readonly EnableVnc: boolean;
    readonly VncDisplay: number;
  };
  readonly RemoteConsole: boolean;
  readonly VolumeRefConfigList: readonly { readonly VolumeID: string }[];
  readonly AppNetAdapterList: readonly { readonly ACLs: readonly AccessEntry[] }[];
}

export interface AccessEntry {
  readonly Matches: readonly { readonly Type: string; readonly Value: string }[];
  readonly Actions?: readonly { readonly PortMap: boolean; readonly TargetPort: number }[];
}

export interface GlobalConfig {
  readonly GlobalSettings: Readonly<Record<string, { readonly IntValue: number }>>;
}

export interface NetworkConfig {
  readonly DisplayName: string;
  readonly PortLabel: string;
  readonly Gateway: string;
}

export interface PortConfig {
  readonly Ports: readonly {
    readonly IfName: string;
    readonly IsMgmt: boolean;
    readonly InvalidConfig?: boolean;
    readonly LastError?: string;
    readonly Logicallabel: string;
    readonly AddrSubnet?: string;
    readonly Gateway?: string;
    readonly DNSServers?: readonly string[];
    readonly VLAN?: { readonly ParentPort?: string; readonly ID?: number };
    readonly Bond?: { readonly AggregatedPorts?: readonly string[] };
    readonly PNAC: { readonly Enabled: boolean; readonly EAPIdentity?: string };
    readonly WirelessCfg: {
      readonly Wifi?: readonly { readonly SSID: string; readonly IsCipher: boolean }[];
    };
  }[];
}

export interface SystemConfig {
  readonly BaseOsVersion: string;
  readonly ContentTreeUUID: string;
  readonly Activate: boolean;
}

/** What the program says it opened. */
export interface OpenedSecret {
  readonly of: string;
  readonly key: string;
  readonly error?: string;
  readonly clear?: Readonly<Record<string, string>>;
}

export interface AppStatus {
  readonly State: number;
  readonly Error: string;
  readonly PurgeInprogress: number;
  readonly VolumeRefStatusList: readonly { readonly VolumeID: string }[];
}

/** What the program made of a container's user data. */
export interface StartedContainer {
  readonly app: string;
  readonly variables: Readonly<Record<string, string>>;
}

/** A patch envelope: files in clear by their sum, those that were encrypted by what is in them. */
export interface PatchedApps {
  readonly apps: readonly string[];
  readonly errors?: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

export interface EnrolledCertificate {
  readonly CertFilepath: string;
  readonly Error: { readonly Error: string };
}
