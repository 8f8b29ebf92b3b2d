import { HttpError, type SftpClient } from "@selvedge/engine";

/** A simulated network has no SSH servers. */
export const noSftp: SftpClient = {
  open: async ({ host }) => {
    throw new HttpError(`sftp://${host}: nobody is there`);
  },
};
