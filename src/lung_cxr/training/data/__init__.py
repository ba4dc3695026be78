"""Input of the network: sampling order, augmentation, class weights, batches."""
