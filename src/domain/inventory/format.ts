/** Kinds of inventory that hosts are imported from. */
export const INVENTORY_FORMATS = ['csv', 'yaml', 'ansible', 'ssh-config'] as const;
export type InventoryFormat = (typeof INVENTORY_FORMATS)[number];
