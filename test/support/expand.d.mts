export function expandFolder(folder: string, config?: string): string;
