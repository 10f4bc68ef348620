export function expandFolder(folder: string): string;
